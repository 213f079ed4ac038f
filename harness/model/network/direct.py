"""Requests that no Service takes: to pods' own names and addresses, and out of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.distribution import Branches, certain, shares, then
from harness.model.network.services import Endpoint
from harness.model.state.pods import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.network.dns import Lookup


def send(answer: Lookup, number: int, dial: Callable[[Endpoint], Branches[Outcome]]) -> Branches[Outcome]:
    """Returns what a request gets that a client sends to a port of one of these pods, as DNS gives them.

    The port is the pod's own; `dial` is what the client's data plane makes of a connection there.
    """
    pods = (Pod.at(answer.outside),) if answer.outside else answer.pods
    if not pods:
        assert answer.service is not None
        text = "is headless and has no ready pods: its name has no address"
        why = step(answer.service, "spec.clusterIP", Action.FAILED, text)
        return certain(Outcome(failure=Failure.RESOLVE), why)
    return then(shares((1, Endpoint(pod, number), _why(answer, pod)) for pod in pods), dial)


def _why(answer: Lookup, pod: Pod) -> tuple[Step, ...]:
    if answer.outside:
        return (*answer.trace, built_in(Action.LED, "{} leads out of the cluster", pod.ip))
    if answer.service is None:
        text = "{} is the address of pod {}/{}"
        return (*answer.trace, built_in(Action.LED, text, pod.ip, pod.namespace, pod.name))
    if len(answer.pods) > 1:
        text = "leads to {} pods: which of them the client picks isn't specified"
        pods = len(answer.pods)
        return (*answer.trace, step(answer.service, "spec.clusterIP", Action.LEFT_OPEN, text, pods))
    itself = step(answer.service, "spec.clusterIP", Action.LED, "leads to pod {} itself", pod.name)
    return (*answer.trace, itself)
