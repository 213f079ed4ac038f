"""Connections in which a client's sidecar reads no HTTP: TLS of the client's own, bare ones, TCP's ports.

A rule is found by the port and the addresses, or by the name that TLS asks for; the bytes then go, inside of
mutual TLS where the server takes it, to a pod [istio/istio: pilot/pkg/networking/core/tls.go].
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.istio.proxy_changes import OUTBOUND
from harness.base import explored
from harness.model import replies
from harness.model.distribution import after, certain, mapped, shares, then
from harness.model.istio import extensions
from harness.model.istio.inbound import SERVER_FIRST
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.registry.listeners import Place
from harness.model.istio.routing import connection_rule, router
from harness.model.istio.routing.rule import RoutingDestination, RoutingRule
from harness.model.istio.upstream import client_tls, hashing, tries
from harness.model.istio.upstream import cluster as upstream
from harness.model.istio.upstream.retries import Retries
from harness.model.message import Endpoint
from harness.model.network import dns
from harness.model.network.addresses import leads_out
from harness.model.network.services import endpoints, fqdn, service_port
from harness.model.state import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.api.istio.destination import Destination
    from harness.model.istio.registry.listeners import Listener
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.routing.connection_rule import Chain
    from harness.model.istio.upstream.cluster import Missing, Upstream
    from harness.model.message import Answers, ClientSide, Message


def send(
    side: ClientSide, place: Place, listener: Listener | None, chain: Chain | None, message: Message
) -> Answers:
    """Returns what a sidecar makes of a connection as bytes: what no chain takes goes on as it is."""
    if chain is None:
        return _passed_over(side, place, listener, message)
    trace: list[Step] = []
    if message.tcp and not chain.claim.protocol:
        text = "port {} says no protocol: {}"
        origin = chain.claim.service.origin
        trace = [step(origin, "spec.ports", Action.DETECTED, text, place.number, SERVER_FIRST)]
    if chain.rule is not None:
        where = chain.match.where if chain.match else chain.rule.field
        text = "is for {}" if chain.names else "takes the connection"
        taken = step(chain.rule.origin, where, Action.MATCHED, text, connection_rule.sought(message))
        return after(follow(side, chain.rule, place.number, message), *trace, taken)
    text = "no rule for connections to it: its endpoints about evenly"
    own = step(chain.claim.service.origin, "spec.ports", Action.MATCHED, text)
    target = upstream.of_host(side, chain.claim.port, own)
    return after(_connected(side, target, message), *trace)


def _passed_over(side: ClientSide, place: Place, listener: Listener | None, message: Message) -> Answers:
    """What a connection gets that no chain of a listener is for, or for which there is no listener."""
    if listener is not None and listener.strict:
        text = "the sidecar's listener is for HTTP alone: closed"
        return certain(replies.closed(message), built_in(Action.FAILED, text))
    passed = passed_on(side, place, message)
    if message.tls:  # a connection that ends early ends the client's handshake
        passed = mapped(
            passed, lambda outcome: replace(outcome, failure=Failure.TLS) if outcome.failure else outcome
        )
    trace = []
    if place.service is not None and (port := service_port(place.service, place.number)) is not None:
        if port.http and listener is not None:
            text = "port {} is HTTP's by name or appProtocol: what isn't HTTP is passed through"
            trace = [step(port.origin, "spec.ports", Action.BYPASSED, text, port.number)]
        elif listener is not None and port.protocol == "tls":
            text = "has tls rules, but none for {}: passed through"
            trace = [step(port.origin, "spec.ports", Action.BYPASSED, text, connection_rule.sought(message))]
    unseen = registry.unseen(side.state, side.client, place.number, *hosts_of(place, message))
    return after(passed, *unseen, *trace)


def hosts_of(place: Place, message: Message) -> tuple[str, ...]:
    """Returns the hosts that a connection may be meant for, by its address and what it asks for."""
    service = (fqdn(place.service),) if place.service is not None else ()
    asked = message.sni if message.tls else message.host
    return (*service, message.dialled.lower(), *((asked.lower(),) if asked else ()))


def follow(side: ClientSide, rule: RoutingRule, listener: int, message: Message) -> Answers:
    """Returns what comes back of a connection that a `tcp` or `tls` rule took: it goes to a destination."""

    def to(destination: RoutingDestination) -> Answers:
        target = upstream.upstream(side, rule, destination, listener)
        return _connected(side, target, message)

    return then(router.weighted(rule), to)


def _connected(side: ClientSide, target: Upstream | Missing, message: Message) -> Answers:
    if isinstance(target, upstream.Missing):
        return certain(replies.closed(message), *target.trace)

    def dial(place: Target) -> Answers:
        answers = client_tls.connect(side, place, message, target.name, target.policy, bytes_only=True)
        if place.endpoint.pod.gateway is not None:  # which says itself who gets what
            return answers
        return mapped(answers, lambda outcome: outcome.of_series(affinity, target.name, place.zone))

    affinity = hashing.of_connection(target.policy)
    answered = then(shares((place.weight, place, ()) for place in target.targets), dial)

    def closed(outcome: Outcome) -> Outcome:  # what fails behind the sidecar, which has taken the connection
        if outcome.failure:
            return replace(replies.closed(message), seconds=outcome.seconds)
        return outcome

    return after(mapped(answered, closed), *target.trace)


def passed_http(side: ClientSide, place: Place, message: Message) -> Answers:
    """Returns what an HTTP request gets whose host the proxy doesn't know, on a port where it knows others.

    ALLOW_ANY: the request goes where the client dialled, in plaintext (PassthroughCluster); REGISTRY_ONLY:
    the proxy answers 502 (BlackHoleCluster).
    """
    return after(_passed_http(side, place, message), *_passing(side, place))


def _passing(side: ClientSide, place: Place) -> tuple[Step, ...]:
    """What meets connections that go to no service's cluster."""
    return extensions.at_cluster(side.state, side.client, OUTBOUND, place.number, "")


def _passed_http(side: ClientSide, place: Place, message: Message) -> Answers:
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows no host {}: it answers 502"
        own = built_in(Action.ANSWERED, text, message.host)
        return certain(replies.envoy(message, 502), scope.outbound, own)
    if scope.egress_proxy is not None:
        target = _egress_proxy(side, scope.egress_proxy)
        once = Retries(attempts=0)
        return after(tries.send(side, message, target, once, hashes=()), scope.outbound)
    if scope.by_host:
        side = replace(side, dialled=_resolved(side, message))
        text = "the sidecar knows no host {}: it goes where that name leads"
        if not side.dialled:
            return certain(
                replies.envoy(message, 503), scope.outbound, built_in(Action.FAILED, text, message.host)
            )
        place = Place("", place.number)
    else:
        text = "the sidecar knows no host {}: passed through to where it was dialled"
    through = built_in(Action.BYPASSED, text, message.host)
    if not side.dialled:
        failure, nobody = _nobody(place)
        failed = tries.answered(message, Outcome(failure=failure, seconds=_waited(failure)), retried=False)
        return certain(failed, scope.outbound, through, *nobody)
    passed = _passed(side, message.plus(("x-forwarded-proto", message.scheme)))
    answered = mapped(passed, lambda outcome: tries.answered(message, outcome, retried=False))
    return after(answered, scope.outbound, through)


def _resolved(side: ClientSide, message: Message) -> tuple[Endpoint, ...]:
    """Where a request's own host leads, on port 80 if it names none [Envoy: dynamic_forward_proxy]."""
    host, number = explored.of(_host_and_port, message.authority)
    answer = dns.lookup(side.state, host, side.client.namespace, side.client.resolver)
    if answer is None or answer.outside:
        name = answer.outside if answer else host
        return (Endpoint(Pod.at(name), number),) if leads_out(side.state, name, side.client.namespace) else ()
    if answer.pods or answer.service is None:
        return tuple(Endpoint(pod, number) for pod in answer.pods)
    port = service_port(answer.service, number)
    return endpoints(side.state, port) if port is not None else ()


def _host_and_port(authority: str) -> tuple[str, int]:
    host, _, written = authority.rpartition(":")
    return (host, int(written)) if host and written.isdigit() else (authority, 80)


def passed_on(side: ClientSide, place: Place, message: Message) -> Answers:
    """Returns what a connection gets that no listener is for: passed on by ALLOW_ANY, else reset."""
    return after(_passed_on(side, place, message), *_passing(side, place))


def _passed_on(side: ClientSide, place: Place, message: Message) -> Answers:
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows nothing there: the connection is reset"
        return certain(Outcome(failure=Failure.RESET), scope.outbound, built_in(Action.FAILED, text))
    if scope.egress_proxy is not None:
        return after(_connected(side, _egress_proxy(side, scope.egress_proxy), message), scope.outbound)
    text = "the sidecar knows nothing there: the connection is passed through as it is"
    through = built_in(Action.BYPASSED, text)
    if not side.dialled:  # the sidecar takes the connection before it finds nobody behind it
        failure, nobody = _nobody(place)
        failure = Failure.TIMEOUT if failure is Failure.TIMEOUT else Failure.RESET
        return certain(Outcome(failure=failure), scope.outbound, through, *nobody)
    return after(_passed(side, message), scope.outbound, through)


def _egress_proxy(side: ClientSide, proxy: Destination) -> Upstream | Missing:
    """Where a Sidecar has all go that its proxy doesn't know."""
    rule = RoutingRule(proxy.resource, proxy.path)
    destination = RoutingDestination(
        proxy.path, proxy.host.lower(), subset=proxy.subset, port=proxy.port.number
    )
    return upstream.upstream(side, rule, destination, 0)


def _nobody(place: Place) -> tuple[Failure, tuple[Step, ...]]:
    """What becomes of a connection to a Service's address: without that port nothing answers there."""
    if place.service is None or service_port(place.service, place.number) is not None:
        return Failure.REFUSED, ()
    text = "has no port {}, so nothing answers at its address"
    return Failure.TIMEOUT, (step(place.service, "spec.ports", Action.FAILED, text, place.number),)


def _waited(failure: Failure) -> float:
    return tries.CONNECT_TIMEOUT if failure is Failure.TIMEOUT else 0.0


def _passed(side: ClientSide, message: Message) -> Answers:
    return then(
        shares((1, endpoint, ()) for endpoint in side.dialled),
        lambda endpoint: side.dial(endpoint.pod, endpoint.port, message),
    )
