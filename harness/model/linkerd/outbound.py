"""The client's side: what Linkerd's proxy does with a connection of its own pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd.policy import EgressNetwork
from harness.model import replies
from harness.model.distribution import after, certain, then
from harness.model.linkerd import balancer, egress_network, ports, protocol
from harness.model.linkerd.balancer import OutboundCall
from harness.model.linkerd.routing import backends, http, service_profile
from harness.model.linkerd.routing.matching import host_rank
from harness.model.network.services import ServicePort, service_port
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Part, Words, built_in, step, words

if TYPE_CHECKING:
    from harness.api.gateway_api.route import BackendRef, Route
    from harness.base.resources import Resource
    from harness.model.linkerd.protocol import Protocol
    from harness.model.message import Answers, ClientSide, Endpoint, Message


def send(side: ClientSide, service: Resource, number: int, message: Message) -> Answers:
    """Returns what becomes of a connection to a Service: the one that is dialled, whatever the Host says."""
    port = service_port(service, number)
    if port is None:
        text = "has no port {}: the connection ends without an answer"
        return _ended(message, service, "spec.ports", text, number)
    call = OutboundCall.of(side, port, service)
    spoken = protocol.of(call)
    opaque = number in ports.opaque_of_service(side.state, service)
    if opaque and spoken.name in (protocol.HTTP1, protocol.HTTP2):
        text = "is opaque and declares HTTP by its appProtocol: the proxy panics, and ends the connection"
        return after(_ended(message, service, "spec.ports", text), *spoken.trace)
    return after(_proceed(call, spoken, message), *spoken.trace)


def forward(side: ClientSide, endpoint: Endpoint, message: Message) -> Answers:
    """Returns what becomes of a connection to an address that is no Service's: a pod's, or outside.

    The proxy picks no other pod. An EgressNetwork that holds a place outside of the cluster decides on
    it: by routes, else by its policy; without one everything passes.
    """
    if not endpoint.pod.outside:
        call = OutboundCall.of(side, endpoint)
        return _proceed(call, protocol.of(call), message)
    network, passed = egress_network.find(side.state, side.client, endpoint.pod.ip)
    call = OutboundCall.of(side, endpoint, network)
    spoken = protocol.of(call)
    trace = (*passed, *spoken.trace)
    if network is not None:
        trace = (step(network, "spec.networks", Action.MATCHED, "holds {}", endpoint.pod.ip), *trace)
    else:
        trace = (*trace, built_in(Action.ALLOWED, "no EgressNetwork holds it: Linkerd lets it pass"))
    return after(_proceed(call, spoken, message), *trace)


def _proceed(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    if any(proxy.ingress for proxy in call.client.proxies):
        return _in_ingress_mode(call, spoken, message)
    if spoken.name == protocol.OPAQUE:
        return _as_bytes(call, spoken.routes, message)
    if spoken.name == protocol.TLS:
        return _by_name(call, spoken.routes, message)
    if message.opaque:
        return _without_http(call, spoken, message)
    if spoken.name != protocol.DETECT and (spoken.name == protocol.HTTP2) is not message.grpc:
        return _in_another_version(call, spoken, message)
    return _as_requests(call, spoken, message)


def _in_ingress_mode(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    """What becomes of what goes where it was dialled: HTTP is detected, whatever the port declares."""
    if message.opaque:
        return _as_bytes(call, spoken.routes if spoken.name == protocol.OPAQUE else (), message)
    if spoken.name in (protocol.OPAQUE, protocol.TLS) and not service_profile.find(call):
        text = "the proxy detects HTTP where its policy is for {}: the connection ends without an answer"
        return certain(replies.closed(message), built_in(Action.FAILED, text, spoken.name))
    return _as_requests(call, spoken, message)


def _as_requests(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    if profile := service_profile.find(call):
        return http.profiled(call, profile, message)
    if spoken.routes:
        return http.routed(call, spoken.routes, message)
    return http.unrouted(call, message)


def _without_http(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    """What becomes of TLS or of a bare connection where HTTP is expected, or detected: then it is opaque."""
    if spoken.name == protocol.DETECT:
        taken = built_in(Action.DETECTED, "no HTTP is detected: taken for bytes")
        return after(_as_bytes(call, (), message), taken)
    if message.tls:
        text = "the proxy takes its port for {}: it can't read the client's TLS"
        return certain(replies.closed(message), built_in(Action.FAILED, text, spoken.name))
    text = "the proxy takes its port for {}: it connects, and waits for a request"
    return certain(Outcome(connected=True), built_in(Action.DETECTED, text, spoken.name))


def _in_another_version(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    """What becomes of HTTP/1 where the proxy speaks HTTP/2 only, and of gRPC where it speaks HTTP/1 only."""
    assert call.parent is not None
    cause, field = call.parent, "spec.ports"
    if spoken.routes and spoken.routes[0].is_grpc:
        cause, field = spoken.routes[0].resource, "spec.parentRefs"
    failure, what = Failure.HTTP09, "HTTP/1 fails"
    if message.grpc:
        failure, what = Failure.EMPTY_REPLY, "the call fails"
    text = "makes Linkerd speak {} only to clients of {}: {}"
    why = step(cause, field, Action.FAILED, text, spoken.name, call.parent, what)
    return certain(Outcome(failure=failure), why)


def _as_bytes(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Answers:
    """Returns what becomes of bytes: by a profile's overrides, a TCPRoute, or where they were dialled."""
    profile = service_profile.find(call)
    if profile and (overrides := service_profile.overrides(profile, call)):
        return then(overrides, lambda port: _dial(call, port, message))
    if routes:
        return _routed(call, routes[0], message)
    return _unrouted(call, message, words("an opaque connection"))


def _by_name(call: OutboundCall, routes: tuple[Route, ...], message: Message) -> Answers:
    """Returns what becomes of a connection where only TLS is taken: the best TLSRoute for its name decides.

    An exact hostname comes before a wildcard, the longer before the shorter, then the older route. What
    asks for no name is closed, and so is a name that no route has.
    """
    if not message.tls:
        text = "a TLSRoute on {} makes its port TLS only: the connection ends without an answer"
        return _ended(message, routes[0].resource, "spec.parentRefs", text, call.parent or "")
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
        return after(_ended(message, routes[0].resource, "spec.hostnames", text, message.sni), *passed)
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
        return _ended(message, route.resource, f"{rule.path}.backendRefs", text)

    def to_backend(backend: BackendRef | None) -> Answers:
        target = backends.destination(call, backend)
        if isinstance(target, backends.Nowhere):
            assert backend is not None
            why = target.error or target.text
            return _ended(message, route.resource, backend.path, "{}: the connection ends", why)
        return _dial(call, target, message)

    return then(backends.weighted(call, route, rule), to_backend)


def _unrouted(call: OutboundCall, message: Message, what: Words) -> Answers:
    if call.egress and not EgressNetwork.kept(call.egress).allows:
        text = "denies {} that no route takes: it is closed"
        closed = step(call.egress, "spec.trafficPolicy", Action.DENIED, text, what)
        return certain(replies.closed(message), closed)
    text = "no route takes it: goes where it was dialled"
    why = step(call.parent, "", Action.LED, text) if call.parent else built_in(Action.LED, text)
    return after(_dial(call, call.default, message), why)


def _dial(call: OutboundCall, target: ServicePort | Endpoint, message: Message) -> Answers:
    if not isinstance(target, ServicePort):
        return balancer.forward(call, target, message, opaque=True)
    reached, lost = balancer.ready(call, target)
    if not reached:
        text = "has no pods that can be reached: the connection ends after 3 s"
        return after(_ended(message, target.service, "spec.selector", text), *lost)
    return after(balancer.dispatch(call, target, reached, message, opaque=True), *lost)


def _ended(message: Message, resource: Resource, field: str, text: str, *parts: Part) -> Answers:
    """What the client sees of a connection that the proxy ends, and the field that makes it do so."""
    return certain(replies.closed(message), step(resource, field, Action.FAILED, text, *parts))
