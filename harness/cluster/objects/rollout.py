"""Whether workloads run as their objects say, and what is in the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import Event, WorkloadStatus
from harness.api.kubernetes.workload import PodController, replicas
from harness.api.node import live
from harness.base import StageError, Workload
from harness.cluster.api import DEPLOYMENTS, EVENTS, PODS, wait_until
from harness.cluster.api.discovery import DAEMON_SETS, STATEFUL_SETS
from harness.cluster.objects import pods

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from harness.cluster.api import Client, Deadline, Json, View

CONTROLLERS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
_PATIENCE = timedelta(seconds=60)  # in which one proxy of two might still get ready
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a pod template by which a restart makes new pods."""


def wait_for_rollouts(
    client: Client, namespace: str, deadline: Deadline, unready: Collection[Workload] = ()
) -> None:
    """Returns when each workload of a namespace runs its current template, and no older pod is left.

    Of those that are to be `unready` it is enough that pods of the current template have been made. Raises
    StageError early if an image can't be had, or two proxies are in a pod, else at the deadline with the
    last reason.
    """
    controllers = [endpoint.collection(namespace) for endpoint in CONTROLLERS]
    pods_path, events_path = PODS.collection(namespace), EVENTS.collection(namespace)

    def unmet(view: View) -> str | None:
        workloads = [item for path in controllers for item in view[path]]
        return waiting_for(workloads, view[pods_path], view[events_path], datetime.now(UTC), unready)

    wait_until(
        client,
        f"workloads of namespace {namespace} are ready",
        [*controllers, pods_path, events_path],
        unmet,
        deadline,
        todo=f"kubectl -n {namespace} get pods,events",
    )


def restart(client: Client, namespace: str, only: Collection[Workload | None] | None = None) -> None:
    """Asks for new pods of a namespace's workloads, or of these alone; doesn't wait for them."""
    now = datetime.now(UTC).isoformat()
    body = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
    for endpoint in CONTROLLERS:
        for item in client.list(endpoint.collection(namespace)):
            name = Metadata.live(item).name
            if only is None or Workload(namespace, name) in only:
                client.patch(endpoint.path(namespace, name), body)


def waiting_for(
    workloads: Sequence[Json],
    pod_list: Sequence[Json],
    events: Sequence[Json],
    now: datetime,
    excused: Collection[Workload] = (),
) -> str | None:
    """Returns what a namespace's workloads are still waiting for, or None if they are all rolled out.

    Those `excused` need pods of the current template, and nothing more. Raises StageError if a pod's image
    can't be had, or if it has had two proxies for long enough.
    """
    unready = {Metadata.live(item).name: reason for item in workloads if (reason := _reason(item, excused))}
    owned = [pod for pod in pod_list if pods.workload(pod) not in (None, *excused) and not pods.finished(pod)]
    for pod in owned:
        reason, words = pods.trouble(pod) or ("", "")
        if reason == pods.DOUBLE_INJECTION and pods.age(pod, now) > _PATIENCE:
            raise StageError(
                f"double injection: {words}",
                where=pods.where(pod),
                why=f"it has {' and '.join(map(str, pods.proxies(pod)))}",
                todo="take the proxy out of the manifest (linkerd uninject), or inject by one mesh alone",
            )
        if reason in pods.HOPELESS:
            raise StageError(
                f"an image can't be had: {reason}",
                where=pods.where(pod),
                why=words or ", ".join(container.image for container in pods.spec(pod).containers),
                todo="have it in the local Docker (docker pull, docker load), or correct the pod's image",
            )
    if not unready:
        return next((why for pod in owned if (why := _unsettled(pod, now))), None)
    stuck = [(pods.where(pod), *trouble) for pod in owned if (trouble := pods.trouble(pod))]
    troubles = [": ".join(filter(None, parts)) for parts in stuck]
    failures = [
        f"{Metadata.live(item).name}: {failure.message}"
        for item in workloads
        if (failure := WorkloadStatus.live(item).holding("ReplicaFailure"))
    ]
    plain = [f"{name}: {reason}" for name, reason in unready.items()]
    return "; ".join(troubles or failures or _warnings(events, unready) or plain)


def _reason(workload: Json, excused: Collection[Workload]) -> str | None:
    """Why a workload has to be waited for."""
    metadata, status = Metadata.live(workload), WorkloadStatus.live(workload)
    if Workload(metadata.namespace, metadata.name) not in excused:
        return behind(workload)
    made = status.updated or status.updated_scheduled
    seen = (status.generation or 0) >= (metadata.generation or 0)
    return None if seen and made else "no pod of its last change has been made yet"


def available(workload: Json | None) -> bool:
    """Whether a workload is there, up to date, and not scaled to nothing."""
    return workload is not None and not behind(workload) and not is_scaled_to_nothing(workload)


def is_scaled_to_nothing(workload: Json) -> bool:
    """Whether a workload is to have no pods."""
    return PodController.live(workload).replicas == 0


def _unsettled(pod: Json, now: datetime) -> str | None:
    if pods.terminating(pod):
        return f"{pods.where(pod)} is still terminating"
    if pods.relapsing(pod, now):
        return f"{pods.where(pod)}: {': '.join(pods.trouble(pod) or ())}"
    return None


def behind(workload: Json) -> str | None:
    """Returns how far a Deployment, StatefulSet or DaemonSet is behind its spec; None if it isn't."""
    status = WorkloadStatus.live(workload)
    if (status.generation or 0) < (Metadata.live(workload).generation or 0):
        return "its last change hasn't been seen by the controller"
    if workload.get("kind") == "DaemonSet" or status.scheduled is not None:
        wanted = status.scheduled or 0
        current, good = status.updated_scheduled or 0, status.available_scheduled or 0
    else:
        wanted = replicas(live(workload))
        current, good = status.updated or 0, status.available or 0
        if (status.replicas or 0) > wanted:
            return "older pods are still there"
    if current < wanted or good < wanted:
        return f"{good} of {wanted} pods are ready, {current} are up to date"
    return None


def _warnings(events: Iterable[Json], names: Iterable[str]) -> list[str]:
    """The last warning about each workload or a pod or replica set of it."""
    latest: dict[str, Event] = {}
    for event in map(Event.live, events):
        about = event.about.name
        for name in names:
            mine = event.type == "Warning" and (about == name or about.startswith(f"{name}-"))
            if mine and (name not in latest or event.when >= latest[name].when):
                latest[name] = event
    return [f"{name}: {event.reason}: {event.message}" for name, event in latest.items()]
