"""Pods with both meshes' proxies, which never get ready.

Each proxy's firewall rules take the other's connections, too: linkerd-proxy gets no identity, so its startup
probe fails, and the application is never started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.service import Service
from harness.model import replies
from harness.model.distribution import certain
from harness.model.state.tables import per_state
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, Words, built_in, words

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.message import Answers, Arrival
    from harness.model.state import Pod, State


def fault(pod: Pod) -> Words | None:
    """Returns what is wrong with such a pod; empty for any other."""
    if len(pod.proxies) < 2:
        return None
    proxies = " and ".join(proxy.mesh.proxy for proxy in pod.proxies)
    return words(
        "double injection: {} has {}, which take each other's connections: never ready", pod.workload, proxies
    )


def behind(state: State, service: Resource) -> tuple[Step, ...]:
    """Returns why pods of a Service count for nothing: a link for each workload that is injected twice."""
    selector = Service.kept(service).selector.items()
    mine = (pod for pod in _twice(state) if pod.namespace == service.namespace and selector)
    return tuple(dict.fromkeys(_step(pod, Action.HIDDEN) for pod in mine if selector <= pod.labels.items()))


def sending(pod: Pod) -> Answers:
    """Returns what such a pod's own requests get: nothing is reached."""
    return certain(Outcome(failure=Failure.REFUSED), _step(pod, Action.FAILED))


def receiving(arrival: Arrival) -> Answers:
    """Returns what comes back of a connection to such a pod's address: Envoy takes it, and reaches nobody."""
    answer = replies.upstream_failure(arrival.message, Failure.REFUSED, retried=True)
    outcome = replies.closed(arrival.message) if arrival.message.opaque else answer
    return certain(outcome, _step(arrival.server, Action.FAILED))


def _step(pod: Pod, action: Action) -> Step:
    return built_in(action, "{}", fault(pod) or "")


@per_state
def _twice(state: State) -> tuple[Pod, ...]:
    return tuple(pod for pod in state.pods if len(pod.proxies) > 1)
