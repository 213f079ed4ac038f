"""The client's side: what Linkerd's proxy does with a connection of its own pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import after, certain
from harness.model.linkerd import connection, egress_network, opacity, protocol
from harness.model.linkerd.balancer import OutboundCall
from harness.model.linkerd.routing import http, service_profile
from harness.model.network.services import service_port
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, built_in, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.linkerd.protocol import Protocol
    from harness.model.message import Answers, ClientSide, Message
    from harness.model.network.services import Endpoint


def send(side: ClientSide, service: Resource, number: int, message: Message) -> Answers:
    """Returns what becomes of a connection to a Service: the one that is dialled, whatever the Host says."""
    port = service_port(service, number)
    if port is None:
        text = "has no port {}: the connection ends without an answer"
        return certain(replies.closed(message), step(service, "spec.ports", Action.FAILED, text, number))
    call = OutboundCall.of(side, port, service)
    spoken = protocol.of(call)
    if spoken.name in (protocol.HTTP1, protocol.HTTP2) and number in opacity.of_service(side.state, service):
        text = "is opaque and declares HTTP by its appProtocol: the proxy panics, and ends the connection"
        panics = step(service, "spec.ports", Action.FAILED, text)
        return certain(replies.closed(message), *spoken.trace, panics)
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
    if spoken.name == protocol.OPAQUE:
        return connection.as_bytes(call, spoken.routes, message)
    if spoken.name == protocol.TLS:
        return connection.by_name(call, spoken.routes, message)
    if message.opaque:
        return _without_http(call, spoken, message)
    if spoken.name != protocol.DETECT and (spoken.name == protocol.HTTP2) is not message.grpc:
        return _in_another_version(call, spoken, message)
    if profile := service_profile.find(call):
        return http.profiled(call, profile, message)
    if spoken.routes:
        return http.routed(call, spoken.routes, message)
    return http.unrouted(call, message)


def _without_http(call: OutboundCall, spoken: Protocol, message: Message) -> Answers:
    """What becomes of TLS or of a bare connection where HTTP is expected, or detected: then it is opaque."""
    if spoken.name == protocol.DETECT:
        taken = built_in(Action.DETECTED, "no HTTP is detected: taken for bytes")
        return after(connection.as_bytes(call, (), message), taken)
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
