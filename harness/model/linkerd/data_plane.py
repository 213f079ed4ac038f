"""Linkerd's data plane: a proxy beside each meshed pod, be it an application's or Istio's gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.base.vocabulary import Mesh
from harness.model.distribution import after
from harness.model.linkerd import bypass, inbound, outbound
from harness.model.network import attachment
from harness.model.network.services import Endpoint
from harness.traffic.counters import GOLDEN, LINKERD_ROUTES
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.arrival import Arrival, Deliver
    from harness.model.distribution import Branches
    from harness.model.message import Message
    from harness.model.state.pods import Pod
    from harness.model.state.state import State
    from harness.traffic.counters import Meter
    from harness.traffic.outcomes import Outcome

mesh = Mesh.LINKERD
agent_port = None
takes_any_port = True
route_groups = frozenset((gateway_api.GROUP, "policy.linkerd.io"))

outbound_bypass, inbound_bypass = bypass.outbound, bypass.inbound
send = outbound.send


def holds(pod: Pod) -> bool:
    """Returns whether a pod has Linkerd's proxy (as the first, if it has several)."""
    return pod.mesh is Mesh.LINKERD


def routes(_state: State, _service: Resource) -> Iterable[tuple[Resource, str]]:
    """Returns nothing: who lacks Linkerd's proxy isn't told what ServiceProfiles it misses."""
    return ()


def dial(
    state: State,
    client: Pod,
    service: Resource | None,
    endpoint: Endpoint,
    message: Message,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns what a client's proxy makes of a connection to an address: forwarded, whatever the routes.

    Of routes on a headless Service Linkerd's proxies are never told.
    """
    attached = attachment.naming(state, service) if service is not None else []
    text = "doesn't count: to a headless Service's pods Linkerd forwards without routes"
    unread = (step(stored.live, "spec.parentRefs", Action.IGNORED, text) for stored in attached)
    return after(outbound.forward(state, client, endpoint, message, deliver), *unread)


def pass_on(state: State, gateway: Pod, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a gateway's connection gets by the proxy beside it, which forwards to the same address.

    Istio's own mutual TLS passes, and so does what shows no HTTP.
    """
    if arrival.tls is not None or arrival.message.opaque:
        return deliver(arrival)
    endpoint = Endpoint(arrival.server, arrival.port)
    return outbound.forward(state, gateway, endpoint, arrival.message, deliver)


def receive(state: State, arrival: Arrival, serve: Deliver, _deliver: Deliver) -> Branches[Outcome]:
    """Returns what a server's proxy lets through; it ends its mutual TLS before a gateway."""
    if not arrival.server.gateway:
        return inbound.receive(state, arrival, serve)
    return inbound.receive(state, arrival, lambda entered: serve(replace(entered, tls=None)))


def rewrites_probes(_pod: Pod) -> bool:
    """Returns False: the kubelet's probes come to the proxy like any request."""
    return False


def shows(_state: State, meter: Meter, counter: str, *, goes_out: bool) -> bool:
    """Returns True for the counters that Linkerd's proxies always have."""
    if counter in GOLDEN[meter.mesh] or (counter == LINKERD_ROUTES and goes_out):
        return True
    raise meter.unknown(counter)
