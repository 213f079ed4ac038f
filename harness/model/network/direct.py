"""Requests that no Service takes: to pods' own names and addresses, and out of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.distribution import Branches, certain, shares, then
from harness.model.network.services import Endpoint
from harness.model.state.pods import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason, Step, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.network.dns import Answer


def send(answer: Answer, number: int, dial: Callable[[Endpoint], Branches[Outcome]]) -> Branches[Outcome]:
    """Returns what a request gets that a client sends to a port of one of these pods, as DNS gives them.

    The port is the pod's own; `dial` is what the client's data plane makes of a connection there.
    """
    pods = (Pod.at(answer.outside),) if answer.outside else answer.pods
    if not pods:
        assert answer.service is not None
        text = "is headless and has no ready pods: its name has no address"
        return certain(Outcome(failure=Failure.RESOLVE), reason(answer.service, "spec.clusterIP", text))
    return then(shares((1, Endpoint(pod, number), _why(answer, pod)) for pod in pods), dial)


def _why(answer: Answer, pod: Pod) -> tuple[Step, ...]:
    if answer.outside:
        return (*answer.trace, Reason(f"{pod.ip} leads out of the cluster"))
    if answer.service is None:
        return (*answer.trace, Reason(f"{pod.ip} is the address of pod {pod.namespace}/{pod.name}"))
    text = f"leads to pod {pod.name} itself"
    if len(answer.pods) > 1:
        text = f"leads to {len(answer.pods)} pods: which of them the client picks isn't specified"
    return (*answer.trace, reason(answer.service, "spec.clusterIP", text))
