"""Connections of which a client's proxy sees no HTTP: forwarded as bytes, or by the name in their TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import after, certain, then
from harness.model.linkerd import balancer, egress_network
from harness.model.linkerd.routing import backends, service_profile
from harness.model.linkerd.routing.routes import host_rank
from harness.model.network.services import ServicePort
from harness.traffic.trace import Action, Words, built_in, step, words

if TYPE_CHECKING:
    from harness.api.gateway_api.route import BackendRef, Route
    from harness.model.linkerd.balancer import OutboundCall
    from harness.model.message import Answers, Message
    from harness.model.network.services import Endpoint


def as_bytes(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Answers:
    """Returns what becomes of an opaque connection: by a TCPRoute, or else where it was dialled.

    A ServiceProfile's overrides come before routes; an EgressNetwork that denies forbids what no route takes.
    """
    profile = service_profile.find(call)
    if profile and (overrides := service_profile.overrides(profile, call)):
        return then(overrides, lambda port: _dial(call, port, message))
    if routes:
        return _routed(call, routes[0], message)
    return _unrouted(call, message, words("an opaque connection"))


def by_name(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Answers:
    """Returns what becomes of a connection where only TLS is taken: the best TLSRoute for its name decides.

    An exact hostname comes before a wildcard, the longer before the shorter, then the older route. What
    asks for no name is closed, and so is a name that no route has.
    """
    if not message.tls:
        text = "a TLSRoute on {} makes its port TLS only: the connection ends without an answer"
        ends = step(routes[0].resource, "spec.parentRefs", Action.FAILED, text, call.parent or "")
        return certain(replies.closed(message), ends)
    ranks = [host_rank(route.hostnames, message.sni) for route in routes]
    ranked = [(rank, route) for rank, route in zip(ranks, routes, strict=True) if rank]
    passed = [
        step(route.resource, "spec.hostnames", Action.UNMATCHED, "{} isn't among them", message.sni)
        for rank, route in zip(ranks, routes, strict=True)
        if not rank
    ]
    if not ranked:
        if call.egress:
            return after(_unrouted(call, message, words("TLS for {}", message.sni)), *passed)
        text = "has TLSRoutes, but none for {}: the connection ends"
        ends = step(routes[0].resource, "spec.hostnames", Action.FAILED, text, message.sni)
        return certain(replies.closed(message), *passed, ends)
    _, winner = max(ranked, key=lambda candidate: candidate[0])  # the first of equals
    passed += [
        step(route.resource, "spec.hostnames", Action.OUTRANKED, "another fits better, or is older")
        for _, route in ranked
        if route is not winner
    ]
    why = step(winner.resource, "spec.hostnames", Action.MATCHED, "fits the name {} best", message.sni)
    return after(_routed(call, winner, message), *passed, why)


def _routed(call: OutboundCall, route: Route, message: Message) -> Answers:
    rule = route.rules[0]
    if backends.all_zero(rule):
        text = "all weights are 0: the proxy panics, and the connection ends"
        ends = step(route.resource, f"{rule.path}.backendRefs", Action.FAILED, text)
        return certain(replies.closed(message), ends)

    def to_backend(backend: BackendRef | None) -> Answers:
        target = backends.destination(call, backend)
        if isinstance(target, backends.Nowhere):
            assert backend is not None
            text, why = "{}: the connection ends", target.error or target.text
            ends = step(route.resource, backend.path, Action.FAILED, text, why)
            return certain(replies.closed(message), ends)
        return _dial(call, target, message)

    return then(backends.weighted(call, route, rule), to_backend)


def _unrouted(call: OutboundCall, message: Message, what: Words) -> Answers:
    if call.egress and not egress_network.allows(call.egress):
        text = "denies {} that no route takes: it is closed"
        closed = step(call.egress, "spec.trafficPolicy", Action.DENIED, text, what)
        return certain(replies.closed(message), closed)
    text = "no route takes it: goes where it was dialled"
    why = step(call.parent, "", Action.LED, text) if call.parent else built_in(Action.LED, text)
    return after(_dial(call, call.default, message), why)


def _dial(call: OutboundCall, target: ServicePort | Endpoint, message: Message) -> Answers:
    if not isinstance(target, ServicePort):
        return balancer.forward(call, target, message, opaque=True)
    found, lost = balancer.ready(call, target)
    if not found:
        text = "has no pods that can be reached: the connection ends after 3 s"
        ends = step(target.service, "spec.selector", Action.FAILED, text)
        return certain(replies.closed(message), *lost, ends)
    return after(balancer.dispatch(call, target, found, message, opaque=True), *lost)
