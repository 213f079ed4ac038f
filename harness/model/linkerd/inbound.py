"""The server's side: what Linkerd's proxy lets through to its own pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd.policy import GRPC, HTTP1, HTTP2, OPAQUE, TLS, UNKNOWN
from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model import replies
from harness.model.distribution import after, certain, mapped
from harness.model.linkerd import config
from harness.model.linkerd.policy import port_policy as policy
from harness.model.linkerd.routing import filters, matching
from harness.model.message import Answers, Arrival, Deliver, Message
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.linkerd.policy.authentication import Authorization
    from harness.model.linkerd.policy.port_policy import PortPolicy
    from harness.model.state import State


def receive(state: State, arrival: Arrival, serve: Deliver) -> Answers:
    """Returns what comes back of a connection to a pod with Linkerd's proxy; `serve` is its application.

    The Server on the port decides, else the pod's default policy. Denied: 403 with an empty
    body (gRPC: PERMISSION_DENIED); no route on the Server matches: 404 (gRPC: NOT_FOUND). The
    application is told a meshed client's identity in l5d-client-id, and no other. A connection without
    HTTP to see is decided on as one: a denied one is reset.
    """
    in_force = policy.at(state, arrival.server, arrival.port)
    meshed, message = arrival.tls is Mesh.LINKERD, arrival.message
    if arrival.opaque or in_force.protocol == OPAQUE or (in_force.protocol == TLS and not meshed):
        return _forward(arrival, in_force, serve)
    if message.opaque:
        return _without_http(arrival, in_force, serve)
    if in_force.protocol == TLS:
        text = "the Server is for TLS, and has no route for HTTP between proxies: 404"
        return certain(_own(arrival, 404), *in_force.trace, built_in(Action.ANSWERED, text))
    two = in_force.protocol in (HTTP2, GRPC)
    if not meshed and ((two and not message.grpc) or (in_force.protocol == HTTP1 and message.grpc)):
        failure = Failure.HTTP09 if two else Failure.EMPTY_REPLY
        text = "the Server speaks {} only to clients without a proxy of its mesh"
        other = built_in(Action.FAILED, text, in_force.protocol)
        return certain(Outcome(failure=failure, hop=arrival.hop), *in_force.trace, other)
    return after(_by_request(state, arrival, in_force, serve), *in_force.trace)


def _by_request(state: State, arrival: Arrival, in_force: PortPolicy, serve: Deliver) -> Answers:
    if not in_force.routes:
        return _unrouted(state, arrival, in_force, serve)
    taken = matching.best(in_force.routes, arrival.message)
    if not isinstance(taken, matching.Taken):
        text = "routes on the Server don't take the request: 404"
        return certain(_own(arrival, 404), *taken, built_in(Action.ANSWERED, text))
    of_route, lost = policy.of_route(state, taken.route)
    allowed, why = _authorized((*in_force.authorizations, *of_route), arrival)
    trace = (*_refused_probes(state, arrival, in_force), *taken.trace, *lost, *why)
    if not allowed:
        return certain(_own(arrival, 403), *trace)
    changed = filters.apply(arrival.message, taken)
    if isinstance(changed, filters.Redirected):
        return certain(with_fields(changed.answer, hop=arrival.hop), *trace, changed.why)
    served = _served(state, with_fields(arrival, message=changed.message), in_force, serve)
    return after(changed.answered(served), *trace)


def _unrouted(state: State, arrival: Arrival, in_force: PortPolicy, serve: Deliver) -> Answers:
    """What becomes of a request where no route is attached: paths of the pod's probes are open."""
    message = arrival.message
    if in_force.protocol == GRPC and not matching.is_rpc(message):
        text = "isn't a gRPC call, and the Server takes no other: 404"
        return certain(_own(arrival, 404), built_in(Action.ANSWERED, text))
    probed = arrival.server.probe_paths(arrival.port) if config.of(state).probe_networks else ()
    if message.method == "GET" and message.path in probed and in_force.protocol != GRPC:
        text = "{} is a probe's path: open to everyone"
        return after(_served(state, arrival, in_force, serve), built_in(Action.ALLOWED, text, message.path))
    allowed, why = _authorized(in_force.authorizations, arrival)
    return after(_served(state, arrival, in_force, serve) if allowed else certain(_own(arrival, 403)), *why)


def _refused_probes(state: State, arrival: Arrival, in_force: PortPolicy) -> tuple[Step, ...]:
    """Routes end the openness of probe paths: tells which of the kubelet's probes are refused now."""
    refused = []
    for path in arrival.server.probe_paths(arrival.port):
        taken = matching.best(in_force.routes, Message("GET", path, "", "", ()))
        open_to = in_force.authorizations
        if isinstance(taken, matching.Taken):
            open_to = (*open_to, *policy.of_route(state, taken.route)[0])
        closed = all(each.identities is not None for each in open_to)
        if closed or not isinstance(taken, matching.Taken):
            text = "the kubelet's probe of {} is refused: {} will turn not ready"
            refused.append(built_in(Action.BESIDE, text, path, arrival.server.workload))
    return tuple(refused)


def _authorized(authorizations: tuple[Authorization, ...], arrival: Arrival) -> tuple[bool, tuple[Step, ...]]:
    """Whether one authorization admits the client; several policies are ORed."""
    passed: list[Step] = []
    for authorization in authorizations:
        if authorization.admits(arrival):
            text = "admits {}"
            if authorization.audit:
                text += ", and logs it (audit): no other authorization did"
            return True, (*passed, authorization.step(Action.ALLOWED, text, arrival.client.workload))
        passed.append(authorization.step(Action.UNMATCHED, "doesn't admit {}", arrival.client.workload))
    return False, (*passed, built_in(Action.DENIED, "no authorization admits the client"))


def _own(arrival: Arrival, status: int) -> Outcome:
    """The proxy's own answer."""
    return with_fields(replies.linkerd(arrival.message, status), hop=arrival.hop)


def _served(state: State, arrival: Arrival, in_force: PortPolicy, serve: Deliver) -> Answers:
    message = arrival.message.without(["l5d-client-id"])
    if arrival.tls is Mesh.LINKERD:
        message = message.plus(("l5d-client-id", arrival.client.identities[Mesh.LINKERD]))

    def connected(outcome: Outcome) -> Outcome:
        if outcome.failure is None:
            return outcome
        return with_fields(replies.linkerd(message, 502, close=True), hop=arrival.hop)

    answered = mapped(serve(with_fields(arrival, message=message)), connected)
    rates, trace = policy.limited(state, in_force.limits, arrival)
    if rates:
        answered = mapped(answered, lambda outcome: outcome.limited_by(rates))
    return after(answered, *trace)


def _forward(arrival: Arrival, in_force: PortPolicy, serve: Deliver) -> Answers:
    """What becomes of bytes: the connection is authorized, unless the Server declares a version of HTTP."""
    arrival = with_fields(arrival, opaque=True)
    versions = (HTTP1, HTTP2, GRPC)
    why = built_in(
        Action.DETECTED, "the port is opaque to Linkerd: connections, not requests, are decided on"
    )
    reset = Outcome(failure=Failure.RESET, hop=arrival.hop)
    if in_force.protocol in versions:
        text = "the Server takes {} alone: the connection is reset"
        return certain(reset, *in_force.trace, why, built_in(Action.FAILED, text, in_force.protocol))
    allowed, trace = _authorized(in_force.authorizations, arrival)
    if not allowed:
        return certain(reset, *in_force.trace, why, *trace)

    def connected(outcome: Outcome) -> Outcome:
        if outcome.failure is Failure.REFUSED:  # by the application; the proxy had taken the connection
            return with_fields(outcome, failure=Failure.RESET)
        return outcome

    return after(mapped(serve(arrival), connected), *in_force.trace, why, *trace)


def _without_http(arrival: Arrival, in_force: PortPolicy, serve: Deliver) -> Answers:
    """What becomes of a plaintext client's own TLS, or bare connection, where no port is opaque."""
    if in_force.protocol == UNKNOWN:
        return _forward(arrival, in_force, serve)
    if arrival.message.tls:
        text = "the Server speaks {}: it can't read the client's TLS"
        unread = built_in(Action.FAILED, text, in_force.protocol)
        return certain(Outcome(failure=Failure.TLS, hop=arrival.hop), *in_force.trace, unread)
    waits = built_in(
        Action.DETECTED, "the Server speaks {}: it connects, and waits for a request", in_force.protocol
    )
    return certain(Outcome(connected=True, hop=arrival.hop), *in_force.trace, waits)
