"""Connections in which a client's sidecar reads no HTTP: TLS of the client's own, bare ones, TCP's ports.

A rule is found by the port and the addresses, or by the name that TLS asks for; the bytes then go, inside of
mutual TLS where the server takes it, to a pod [istio/istio: pilot/pkg/networking/core/tls.go].
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import after, certain, mapped, shares, then
from harness.model.istio.inbound import SERVER_FIRST
from harness.model.istio.registry import egress, sidecar_scope
from harness.model.istio.registry import hosts as registry
from harness.model.istio.routing import connection_rule, router
from harness.model.istio.routing.rule import RoutingRule
from harness.model.istio.upstream import client_tls
from harness.model.istio.upstream import cluster as upstream
from harness.model.message import Answers, Arrival, ClientSide
from harness.model.network.services import ServicePort
from harness.traffic.outcomes import Failure
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.model.istio.registry.hosts import Port
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.routing.rule import RoutingDestination
    from harness.model.istio.upstream.cluster import Missing, Upstream
    from harness.model.message import Message
    from harness.model.network.services import Endpoint
    from harness.traffic.outcomes import Outcome


def is_opaque(dialled: ServicePort | Endpoint, message: Message) -> bool:
    """Returns whether a client's sidecar takes a request for bytes."""
    return message.opaque or (isinstance(dialled, ServicePort) and dialled.protocol in ("tls", "tcp"))


def send(
    side: ClientSide, dialled: ServicePort | Endpoint, ready: tuple[Endpoint, ...], message: Message
) -> Answers:
    """Returns what comes back of a connection that a pod with an Istio sidecar opens to a port, or elsewhere.

    `ready` is where it would get without the sidecar: there it goes if the sidecar has no rule for it.
    """

    def passed_through(*trace: Step) -> Answers:
        passed = egress.connection(side, ready, message)
        return after(mapped(passed, lambda outcome: _handshaken(message, outcome)), *trace)

    port, trace = _port(side, dialled, message)
    if port is None:
        return passed_through(*trace)
    origin = registry.origin(port)
    if port.http:
        text = "port {} is HTTP's by name or appProtocol: what isn't HTTP is passed through"
        return passed_through(*trace, step(origin, "spec.ports", Action.BYPASSED, text, port.number))
    if message.tcp and not port.protocol:
        text = "port {} says no protocol: {}"
        trace = [*trace, step(origin, "spec.ports", Action.DETECTED, text, port.number, SERVER_FIRST)]
    chosen, why = connection_rule.find(side.state, side.client, port, message)
    if isinstance(chosen, RoutingRule):
        return after(follow(side, chosen, port.number, message), *trace, *why)
    if chosen is not None:
        return passed_through(*trace, *why, chosen)
    text = "no rule for connections to it: its endpoints about evenly"
    own = step(origin, "spec.ports", Action.MATCHED, text)
    target = upstream.cluster(side, port, own, message.dialled)
    return after(_connected(side, target, message), *trace, *why)


def _port(
    side: ClientSide, dialled: ServicePort | Endpoint, message: Message
) -> tuple[Port | None, list[Step]]:
    """The port that a connection is taken for: the one dialled, or of what is elsewhere the one named."""
    state, client = side.state, side.client
    if not isinstance(dialled, ServicePort):
        return registry.known(state, client, message.sni or message.dialled, dialled.port)
    why = registry.hidden(state, client, sidecar_scope.of(state, client), dialled)
    return (None, [why]) if why else (dialled, [])


def follow(side: ClientSide, rule: RoutingRule, listener: int, message: Message) -> Answers:
    """Returns what comes back of a connection that a `tcp` or `tls` rule took: it goes to a destination."""

    def to(destination: RoutingDestination) -> Answers:
        target = upstream.upstream(side, rule, destination, listener, message.dialled)
        return _connected(side, target, message)

    return then(router.weighted(rule), to)


def _connected(side: ClientSide, target: Upstream | Missing, message: Message) -> Answers:
    if isinstance(target, upstream.Missing):
        return certain(replies.closed(message), *target.trace)

    def dial(place: Target) -> Answers:
        tls, endpoint = client_tls.begin(side.state, place, target.policy.tls), place.endpoint
        sent = replace(message, tls=True, sni=tls.sni or message.dialled) if tls.own else message
        arrival = Arrival(side.client, endpoint.pod, endpoint.port, sent, tls.mesh, opaque=True)
        return after(mapped(side.deliver(arrival), tls.told), tls.why)

    answered = then(shares((place.weight, place, ()) for place in target.targets), dial)
    return after(mapped(answered, lambda outcome: _behind(message, outcome)), *target.trace)


def _behind(message: Message, outcome: Outcome) -> Outcome:
    """A connection that fails behind the sidecar is one that the sidecar has taken, and closes."""
    return replace(replies.closed(message), seconds=outcome.seconds) if outcome.failure else outcome


def _handshaken(message: Message, outcome: Outcome) -> Outcome:
    """A connection that ends early ends the client's TLS handshake."""
    return replace(outcome, failure=Failure.TLS) if message.tls and outcome.failure else outcome
