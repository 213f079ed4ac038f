"""The data plane of pods without a proxy: kube-proxy picks the server, whose application answers itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.arrival import Arrival
from harness.model.network import kube_proxy
from harness.model.network.services import endpoints, service_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.arrival import Deliver
    from harness.model.distribution import Branches
    from harness.model.message import Message
    from harness.model.network.services import Endpoint
    from harness.model.state.pods import Pod
    from harness.model.state.state import State
    from harness.traffic.counters import Meter
    from harness.traffic.outcomes import Outcome

mesh = None
agent_port = None
takes_any_port = False
route_groups: frozenset[str] = frozenset()


def routes(_state: State, _service: Resource) -> Iterable[tuple[Resource, str]]:
    """Returns nothing: no route counts."""
    return ()


def holds(pod: Pod) -> bool:
    """Returns whether a pod has no proxy."""
    return not pod.proxies


def outbound_bypass(_state: State, _client: Pod, _port: int) -> None:
    """Returns None: there is nothing to go round."""


def send(
    state: State, client: Pod, service: Resource, port: int, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what the pod answers that kube-proxy picks."""
    dialled = service_port(service, port)
    found = endpoints(state, dialled) if dialled else ()
    return kube_proxy.send(state, client, service, found, message, deliver)


def dial(
    _state: State,
    client: Pod,
    _service: Resource | None,
    endpoint: Endpoint,
    message: Message,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns what is answered at an address."""
    return deliver(Arrival(client, endpoint.pod, endpoint.port, message))


def pass_on(_state: State, _gateway: Pod, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a gateway's connection gets as it is."""
    return deliver(arrival)


def inbound_bypass(_state: State, _arrival: Arrival) -> None:
    """Returns None: there is nothing to go round."""


def receive(_state: State, arrival: Arrival, serve: Deliver, _deliver: Deliver) -> Branches[Outcome]:
    """Returns what the application answers."""
    return serve(arrival)


def rewrites_probes(_pod: Pod) -> bool:
    """Returns False: the kubelet asks the application itself."""
    return False


def shows(_state: State, _meter: Meter, _counter: str, *, goes_out: bool) -> bool:
    """Returns False: who has no proxy has none of its counters."""
    return False
