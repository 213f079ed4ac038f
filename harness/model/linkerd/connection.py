"""Connections of which a client's proxy sees no HTTP: forwarded as bytes, or by the name in their TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain, shares, then
from harness.model.linkerd import balancer, egress_network
from harness.model.linkerd.routing import backends, service_profile
from harness.model.network.services import ServicePort
from harness.traffic.trace import Reason, reason

if TYPE_CHECKING:
    from harness.api.gateway_api.route import BackendRef, Route
    from harness.model.linkerd.call import OutboundCall
    from harness.model.message import Message
    from harness.model.network.services import Endpoint
    from harness.traffic.outcomes import Outcome


def as_bytes(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Branches[Outcome]:
    """Returns what becomes of an opaque connection: by a TCPRoute, or else where it was dialled.

    A ServiceProfile's overrides come before routes; an EgressNetwork that denies forbids what no route takes.
    """
    if call.parent is not None and call.parent.kind == "Service":
        profile = service_profile.find(call.state, call.parent, call.client.namespace)
        overrides = service_profile.overrides(call.state, profile, call) if profile else ()
        if overrides:
            picked = shares((one.weight, one.port, (one.why,)) for one in overrides)
            return then(picked, lambda port: _dial(call, port, message))
    if routes:
        return _routed(call, routes[0], message)
    return _unrouted(call, message, "an opaque connection")


def by_name(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Branches[Outcome]:
    """Returns what becomes of a connection where only TLS is taken: the best TLSRoute for its name decides.

    An exact hostname comes before a wildcard, the longer before the shorter, then the older route. What
    asks for no name is closed, and so is a name that no route has.
    """
    if not message.tls:
        text = f"a TLSRoute on {call.parent} makes its port TLS only: the connection ends without an answer"
        return certain(replies.closed(message), reason(routes[0].resource, "spec.parentRefs", text))
    ranked = [(rank, route) for route in routes if (rank := _name_rank(route.hostnames, message.sni))]
    passed = [
        reason(route.resource, "spec.hostnames", f"{message.sni} isn't among them", lost=True)
        for route in routes
        if not _name_rank(route.hostnames, message.sni)
    ]
    if not ranked:
        if call.parent is not None and call.parent.kind == "EgressNetwork":
            return after(_unrouted(call, message, f"TLS for {message.sni}"), *passed)
        text = f"has TLSRoutes, but none for {message.sni}: the connection ends"
        return certain(replies.closed(message), *passed, reason(routes[0].resource, "spec.hostnames", text))
    best = max(rank for rank, _ in ranked)
    winner = next(route for rank, route in ranked if rank == best)
    passed += [
        reason(route.resource, "spec.hostnames", "another fits better, or is older", lost=True)
        for _, route in ranked
        if route is not winner
    ]
    why = reason(winner.resource, "spec.hostnames", f"fits the name {message.sni} best")
    return after(_routed(call, winner, message), *passed, why)


def _name_rank(hostnames: tuple[str, ...], sni: str) -> tuple[int, int] | None:
    """How well a TLSRoute's names fit (greater is better), None if none does; without names all fit."""
    if not hostnames:
        return (0, 0)
    name = sni.rstrip(".").lower()
    ranks = [
        (1, len(one)) if one.startswith("*.") else (2, len(one))
        for one in map(str.lower, hostnames)
        if (name.endswith(one[1:]) if one.startswith("*.") else name == one)
    ]
    return max(ranks, default=None)


def _routed(call: OutboundCall, route: Route, message: Message) -> Branches[Outcome]:
    rule = route.rules[0]
    if backends.all_zero(rule):
        text = "all weights are 0: the proxy panics, and the connection ends"
        return certain(replies.closed(message), reason(route.resource, f"{rule.path}.backendRefs", text))

    def to_backend(backend: BackendRef | None) -> Branches[Outcome]:
        target = backends.destination(call, backend)
        if isinstance(target, backends.Nowhere):
            assert backend is not None
            text = f"{target.error or target.text}: the connection ends"
            return certain(replies.closed(message), reason(route.resource, backend.path, text))
        return _dial(call, target, message)

    return then(backends.weighted(call, route, rule), to_backend)


def _unrouted(call: OutboundCall, message: Message, what: str) -> Branches[Outcome]:
    parent = call.parent
    if parent is not None and parent.kind == "EgressNetwork" and not egress_network.allows(parent):
        text = f"denies {what} that no route takes: it is closed"
        return certain(replies.closed(message), reason(parent, "spec.trafficPolicy", text))
    text = "no route takes it: goes where it was dialled"
    why = reason(parent, "", text) if parent is not None else Reason(text)
    return after(_dial(call, call.default, message), why)


def _dial(call: OutboundCall, target: ServicePort | Endpoint, message: Message) -> Branches[Outcome]:
    if not isinstance(target, ServicePort):
        return balancer.forward(call, target, message, opaque=True)
    found, lost = balancer.ready(call, target)
    if not found:
        text = "has no pods that can be reached: the connection ends after 3 s"
        return certain(replies.closed(message), *lost, reason(target.service, "spec.selector", text))
    return after(balancer.dispatch(call, target, found, message, opaque=True), *lost)
