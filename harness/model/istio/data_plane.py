"""Istio's data plane: sidecars, and gateways, which are proxies themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.istio.hosts import MESH
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import Mesh
from harness.model.distribution import after
from harness.model.istio import counters, inbound, interception, sidecar
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.routing import virtual_service
from harness.model.istio.security import peer_authentication
from harness.model.network.services import addresses, fqdn, service_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.arrival import Arrival, Deliver
    from harness.model.distribution import Branches
    from harness.model.message import Message
    from harness.model.network.services import Endpoint, ServicePort
    from harness.model.state.pods import Pod
    from harness.model.state.state import State
    from harness.traffic.counters import Meter
    from harness.traffic.outcomes import Outcome
    from harness.traffic.trace import Step

mesh = Mesh.ISTIO
agent_port = 15020
takes_any_port = False
route_groups = frozenset((gateway_api.GROUP,))

_REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
_NO = ("0", "f", "F", "false", "False", "FALSE")


def holds(pod: Pod) -> bool:
    """Returns whether a pod has Istio's proxy (as the first, if it has several)."""
    return pod.mesh is Mesh.ISTIO


def routes(state: State, service: Resource) -> Iterator[tuple[Resource, str]]:
    """Yields the VirtualServices for a Service's host that sidecars follow."""
    for rules in virtual_service.by_host(state).covering(fqdn(service)):
        if MESH in virtual_service.gateways(rules):
            yield rules, "spec.hosts"


def outbound_bypass(_state: State, client: Pod, port: int) -> Step | None:
    """Returns why a connection goes round its client's sidecar, None if it doesn't."""
    return interception.outbound(client, port)


def send(
    state: State, client: Pod, service: Resource, port: int, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what a sidecar makes of a request to a Service."""
    dialled = service_port(service, port)
    assert dialled is not None, "the data plane doesn't take other ports"
    return _sent(state, client, dialled, message, deliver)


def _sent(
    state: State, client: Pod, dialled: ServicePort | Endpoint, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    sent = sidecar.send(state, client, dialled, message, deliver)
    return after(sent, *sidecar_scope.passed_over(state, client))


def dial(
    state: State,
    client: Pod,
    service: Resource | None,
    endpoint: Endpoint,
    message: Message,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns what a sidecar makes of a request to an address.

    It takes the rules of a headless Service that has the port, and its cluster then goes where the client
    dialled; else the request is passed through
    [istio/istio: pilot/pkg/networking/core/cluster.go, convertResolution].
    """
    headless = service is not None and Service.kept(service).headless
    port = service_port(service, endpoint.port) if service is not None and headless else None
    if port is None:
        return _sent(state, client, endpoint, message, deliver)
    own = {pod.name for pod in addresses(state, port.service)}

    def to_dialled(arrival: Arrival) -> Branches[Outcome]:
        if arrival.server.name not in own or arrival.server.namespace != port.service.namespace:
            return deliver(arrival)
        return deliver(replace(arrival, server=endpoint.pod, port=endpoint.port))

    return _sent(state, client, port, message, to_dialled)


def pass_on(_state: State, _gateway: Pod, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a gateway's connection gets as it is: its proxy is the gateway."""
    return deliver(arrival)


def inbound_bypass(_state: State, arrival: Arrival) -> Step | None:
    """Returns why a connection reaches a pod round its sidecar, None if it doesn't."""
    return interception.inbound(arrival)


def receive(state: State, arrival: Arrival, serve: Deliver, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a sidecar lets through; before a gateway there is none."""
    if arrival.server.gateway:
        return serve(arrival)
    received = inbound.receive(state, arrival, serve, deliver)
    return after(received, *peer_authentication.passed_over(state, arrival.server))


def rewrites_probes(pod: Pod) -> bool:
    """Returns whether Istio's agent asks in the kubelet's place: unless an annotation forbids it.

    [istio/istio: pkg/kube/inject, app_probe.go]
    """
    return pod.annotations.get(_REWRITE) not in _NO


def shows(state: State, meter: Meter, counter: str, *, goes_out: bool) -> bool:
    """Returns whether the installation has a counter shown."""
    return counters.shown(state, meter, counter)
