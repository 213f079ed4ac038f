"""Linkerd's data plane: a proxy beside each meshed pod, be it an application's or Istio's gateway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import gateway_api, linkerd
from harness.base.vocabulary import Mesh
from harness.model.data_plane import DataPlane
from harness.model.distribution import after
from harness.model.linkerd import inbound, ingress_mode, outbound, ports
from harness.model.message import Endpoint
from harness.model.network import attachment
from harness.traffic.observables import GOLDEN, LINKERD_ROUTES
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.message import Answers, Arrival, ClientSide, Deliver, Message
    from harness.model.state import Pod, State
    from harness.traffic.observables import Meter
    from harness.traffic.trace import Step


class LinkerdDataPlane(DataPlane):
    """Who lacks its proxy isn't told what ServiceProfiles it misses."""

    mesh = Mesh.LINKERD
    takes_any_port = True
    route_groups = frozenset((gateway_api.GROUP, linkerd.GROUP))

    def outbound_bypass(self, state: State, client: Pod, port: int) -> Step | None:
        return ports.outbound_bypass(state, client, port)

    def inbound_bypass(self, state: State, arrival: Arrival) -> Step | None:
        return ports.inbound_bypass(state, arrival)

    def send(self, side: ClientSide, service: Resource, port: int, message: Message) -> Answers:
        return ingress_mode.overridden(side, message) or outbound.send(side, service, port, message)

    def dial(
        self, side: ClientSide, service: Resource | None, endpoint: Endpoint, message: Message
    ) -> Answers:
        """Returns what is forwarded to an address; of routes on a headless Service proxies aren't told."""
        attached = attachment.naming(side.state, service) if service is not None else []
        text = "doesn't count: to a headless Service's pods Linkerd forwards without routes"
        unread = (step(stored.live, "spec.parentRefs", Action.IGNORED, text) for stored in attached)
        if overridden := ingress_mode.overridden(side, message):
            return overridden
        return after(outbound.forward(side, endpoint, message), *unread)

    def pass_on(self, side: ClientSide, arrival: Arrival) -> Answers:
        """Returns what the proxy beside a gateway forwards; Istio's mutual TLS, and bytes, pass it."""
        if arrival.tls is not None or arrival.message.opaque:
            return side.deliver(arrival)
        return outbound.forward(side, Endpoint(arrival.server, arrival.port), arrival.message)

    def receive(self, state: State, arrival: Arrival, serve: Deliver, deliver: Deliver) -> Answers:
        """Returns what a server's proxy lets through; it ends its mutual TLS before a gateway."""
        if not arrival.server.gateway:
            return inbound.receive(state, arrival, serve)
        return inbound.receive(state, arrival, lambda entered: serve(replace(entered, tls=None)))

    def shows(self, state: State, meter: Meter, counter: str, *, goes_out: bool) -> bool:
        """Returns True for the counters that Linkerd's proxies always have."""
        if counter in GOLDEN[meter.mesh] or (counter == LINKERD_ROUTES and goes_out):
            return True
        raise meter.unknown(counter)
