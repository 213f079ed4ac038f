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
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.routing import connection_rule, router
from harness.model.istio.routing.rule import RoutingRule
from harness.model.istio.upstream import client_tls
from harness.model.istio.upstream import cluster as upstream
from harness.model.network.services import Endpoint, ServicePort
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.model.istio.registry.hosts import Port
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.routing.rule import RoutingDestination
    from harness.model.istio.upstream.cluster import Missing, Upstream
    from harness.model.message import Answers, ClientSide, Message


def is_opaque(dialled: ServicePort | Endpoint, message: Message) -> bool:
    """Returns whether a client's sidecar takes a request for bytes."""
    return message.opaque or (isinstance(dialled, ServicePort) and dialled.protocol in ("tls", "tcp"))


def send(
    side: ClientSide, dialled: ServicePort | Endpoint, ready: tuple[Endpoint, ...], message: Message
) -> Answers:
    """Returns what a sidecar makes of a connection; what it has no rule for goes to `ready`, as it is."""

    def passed_through(*trace: Step) -> Answers:
        passed = passed_on(side, ready, message)
        if message.tls:  # a connection that ends early ends the client's handshake
            passed = mapped(
                passed, lambda outcome: replace(outcome, failure=Failure.TLS) if outcome.failure else outcome
            )
        return after(passed, *trace)

    # Of what is elsewhere the port is taken for that of the name which is asked for.
    state, client = side.state, side.client
    port: Port | None
    if isinstance(dialled, ServicePort):
        hidden = registry.hidden(state, client, dialled)
        port, trace = (None, [hidden]) if hidden else (dialled, [])
    else:
        port, trace = registry.known(state, client, message.sni or message.dialled, dialled.port)
    if port is None:
        return passed_through(*trace)
    origin = port.origin
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
        return client_tls.connect(side, place, message, target.name, target.policy, bytes_only=True)

    answered = then(shares((place.weight, place, ()) for place in target.targets), dial)

    def closed(outcome: Outcome) -> Outcome:  # what fails behind the sidecar, which has taken the connection
        return replace(replies.closed(message), seconds=outcome.seconds) if outcome.failure else outcome

    return after(mapped(answered, closed), *target.trace)


def passed_http(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    """Returns what an HTTP request gets whose host the proxy doesn't know, on a port where it knows others.

    `dialled` are the endpoints that the client's own connection would reach. ALLOW_ANY: the request goes
    there, in plaintext (PassthroughCluster); REGISTRY_ONLY: the proxy answers 502 (BlackHoleCluster).
    """
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows no host {}: it answers 502"
        own = built_in(Action.ANSWERED, text, message.host)
        return certain(replies.envoy(message, 502), scope.outbound, own)
    text = "the sidecar knows no host {}: passed through to where it was dialled"
    through = built_in(Action.BYPASSED, text, message.host)
    if not dialled:
        failed = replies.upstream_failure(message, Failure.REFUSED, retried=True)
        return certain(failed, scope.outbound, through)
    passed = _passed(side, dialled, message.plus(("x-forwarded-proto", message.scheme)))
    answered = mapped(passed, lambda outcome: upstream.answered(message, outcome, retried=False))
    return after(answered, scope.outbound, through)


def passed_on(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    """Returns what a connection gets that no listener is for: passed on by ALLOW_ANY, else reset."""
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows nothing there: the connection is reset"
        return certain(Outcome(failure=Failure.RESET), scope.outbound, built_in(Action.FAILED, text))
    text = "the sidecar knows nothing there: the connection is passed through as it is"
    through = built_in(Action.BYPASSED, text)
    if not dialled:  # the sidecar takes the connection before it finds nobody behind it
        return certain(Outcome(failure=Failure.RESET), scope.outbound, through)
    return after(_passed(side, dialled, message), scope.outbound, through)


def _passed(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    return then(
        shares((1, endpoint, ()) for endpoint in dialled),
        lambda endpoint: side.dial(endpoint.pod, endpoint.port, message),
    )
