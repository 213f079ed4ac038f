"""What cut a probe short: a pod that was deleted or evicted, or an API server that went away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.status import Event
from harness.cluster.api import EVENTS, PODS, ApiError, ExecInterruptedError
from harness.cluster.objects import pods
from harness.cluster.probing import services

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.cluster.api import Client, Json
    from harness.cluster.probing.answers import CurlAnswer
    from harness.traffic.request import Request

_GONE = (502, 503, 504)  # what a proxy answers for a server that isn't there

_ENDINGS = frozenset(("Killing", "Evicted", "Preempting", "Preempted", "TaintManagerEviction", "OOMKilling"))
"""Reasons of events that tell of a pod's end."""


def of_client(client: Client, namespace: str, name: str) -> str:
    """Returns what became of a pod in which a command was running."""
    try:
        pod = client.find(PODS.path(namespace, name))
    except ApiError as error:
        return f"the API server went away: {error.what}" if error.transient else str(error)
    if pod is None:
        return "the pod was deleted"
    status = pods.status(pod)
    if disrupted := status.holding("DisruptionTarget"):
        return f"the pod is being disrupted: {disrupted.reason}: {disrupted.message}"
    if pods.finished(pod):
        return f"the pod ended: {status.reason or status.phase}: {status.message}".rstrip(": ")
    if pods.terminating(pod):
        return "the pod is being deleted"
    trouble = ": ".join(pods.trouble(pod) or ())
    return trouble or "the pod still runs: the API server or the node was restarted"


def of_servers(client: Client, before: Iterable[Json], now: Iterable[Json]) -> str | None:
    """Returns which pods that ran before are ending or gone now, with their events; None if none is."""
    running = {pods.uid(pod) for pod in now if pods.running(pod)}
    ran = [pod for pod in before if pods.status(pod).phase == "Running"]
    gone = [pod for pod in ran if pods.uid(pod) not in running]
    return "\n       ".join(sorted(f"{pods.where(pod)}: {_end(client, pod)}" for pod in gone)) or None


def _end(client: Client, pod: Json) -> str:
    about = f"involvedObject.uid={pods.uid(pod)}"
    listed = client.list(EVENTS.collection(pods.namespace(pod)), {"fieldSelector": about})
    events = (event for event in map(Event.live, listed) if event.reason in _ENDINGS)
    return ", ".join(sorted({f"{event.reason}: {event.message}" for event in events})) or "deleted"


def refuse_if_ending(
    client: Client, request: Request, sender: str, now: Iterable[Json], answers: Iterable[CurlAnswer]
) -> None:
    """Raises ExecInterruptedError if a client's pod was ending, and requests failed.

    It loses its proxy first: its failures tell nothing of the server.
    """
    runs = any(pods.name(pod) == sender and pods.running(pod) for pod in now)
    if not runs and any(answer.exit_code for answer in answers):
        raise ExecInterruptedError(
            "the client's pod was ending while it sent the probe",
            where=f"Pod {request.source.namespace}/{sender}",
            why=of_client(client, request.source.namespace, sender),
            todo="probe again",
        )


def refuse_if_disrupted(
    client: Client,
    request: Request,
    before: Iterable[Json],
    now: Iterable[Json],
    answers: Sequence[CurlAnswer],
) -> None:
    """Raises ExecInterruptedError if requests failed while pods of the server's namespace ended.

    Those failures are of the pods' end, and tell nothing of a policy.
    """
    service = services.service_of(request.host, request.source.namespace)
    failed = sum(answer.exit_code != 0 or answer.status in _GONE for answer in answers)
    if not (service and failed):
        return
    servers = [pod for pod in before if pods.namespace(pod) == service.namespace]
    if ended := of_servers(client, servers, now):
        raise ExecInterruptedError(
            f"pods ended while the probe ran, and {failed} of its {len(answers)} requests failed",
            where=str(request),
            why=ended,
            todo="probe again",
        )
