"""The server's side: what a sidecar lets through to its own pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.proxy_changes import INBOUND
from harness.api.istio.security import identity
from harness.base import explored
from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model import replies
from harness.model.distribution import after, certain, mapped
from harness.model.istio import extensions, forwarded_headers, mesh_config
from harness.model.istio.registry import inbound_port
from harness.model.istio.security import access, mutual_tls
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model.istio.registry.inbound_port import InboundPort
    from harness.model.message import Answers, Arrival, Deliver
    from harness.model.state import State

_SERVER = ("server", "istio-envoy")

_OWN_PORTS = (15001, 15006)
"""Where connections are redirected to: who dials them is closed [istio/istio: blackholeFilterChain]."""

SERVER_FIRST = "it waits for the client's first bytes: a server that speaks first isn't heard before"
"""What a proxy does that has to find out what a connection is."""


def receive(state: State, arrival: Arrival, serve: Deliver, deliver: Deliver) -> Answers:
    """Returns what a request gets from a pod with an Istio sidecar; `serve` is its application.

    STRICT resets plaintext; then policies decide, for which `deliver` asks an external authorizer; the
    application is told the client's identity in x-forwarded-client-cert, and no other that it may have sent.
    """
    if arrival.port in _OWN_PORTS:
        text = "port {} is the sidecar's own: the connection is closed"
        closed = built_in(Action.FAILED, text, arrival.port)
        return certain(with_fields(replies.closed(arrival.message), hop=arrival.hop), closed)
    port = inbound_port.find(state, arrival.server, arrival.port)
    arrival = _as_read(arrival, port)
    return after(_received(state, arrival, port, serve, deliver), *_met(state, arrival, port))


def _received(
    state: State, arrival: Arrival, port: InboundPort | None, serve: Deliver, deliver: Deliver
) -> Answers:
    mode, why = mutual_tls.mode(state, arrival.server, arrival.port)
    if arrival.tls is None and mode == "STRICT":
        text = "{} comes in plaintext: the connection is reset"
        reset = built_in(Action.FAILED, text, arrival.client.workload)
        failure = Failure.TLS if arrival.message.tls else Failure.RESET
        return certain(Outcome(failure=failure, hop=arrival.refused), why, reset)
    if arrival.tls is Mesh.ISTIO and mode == "DISABLE":
        text = "the server takes plaintext only, and the client begins mutual TLS"
        failed = Outcome(failure=Failure.OTHER, detail="TLS handshake failed", hop=arrival.refused)
        return certain(failed, why, built_in(Action.FAILED, text))
    if foreign := _foreign(state, arrival):
        failed = Outcome(failure=Failure.OTHER, detail="TLS handshake failed", hop=arrival.refused)
        return certain(failed, why, foreign)
    if unreadable := _unreadable(arrival, port):
        return certain(with_fields(replies.closed(arrival.message), hop=arrival.hop), why, unreadable)
    if arrival.message.tcp and arrival.tls is None and mode != "DISABLE":
        why = why.reworded(why.action, "{}; {}", why.words, SERVER_FIRST)
    target = port.target if port is not None else arrival.port

    def serve_behind(admitted: Arrival) -> Answers:
        return _served(with_fields(admitted, port=target), serve)

    answers = access.guarded(state, arrival, deliver, serve_behind)
    return after(answers if arrival.opaque else mapped(answers, signed), why)


def _met(state: State, arrival: Arrival, port: InboundPort | None) -> Iterator[Step]:
    """What meets a connection at the sidecar beyond what the model reads."""
    server, http = arrival.server, not arrival.opaque
    ports = frozenset((arrival.port, *((port.target,) if port is not None else ())))
    yield from extensions.at_listener(state, server, INBOUND, ports, http=http)
    if http:
        yield from extensions.at_virtual_host(state, server, INBOUND, ports)
    for number in ports:
        yield from extensions.at_cluster(state, server, INBOUND, number)


def _foreign(state: State, arrival: Arrival) -> Step | None:
    """Why the client's certificate isn't believed: it is of a trust domain that the mesh doesn't have."""
    if arrival.tls is not Mesh.ISTIO:
        return None
    config = mesh_config.of(state)
    domain = explored.of(identity.trust_domain, arrival.client.identities[Mesh.ISTIO])
    if domain in config.trust_domains:
        return None
    text, client = "{} was started in trust domain {}, which isn't known any more", arrival.client.workload
    return mesh_config.setting(config, "trustDomainAliases", Action.FAILED, text, client, domain)


def _served(arrival: Arrival, serve: Deliver) -> Answers:
    if arrival.opaque:
        return serve(arrival)

    def connected(outcome: Outcome) -> Outcome:
        if outcome.failure is None:
            return outcome
        answer = replies.upstream_failure(arrival.message, outcome.failure, retried=False)
        return with_fields(answer, hop=arrival.hop)

    message = forwarded_headers.at_sidecar(arrival).plus(("x-forwarded-proto", arrival.message.scheme))
    return mapped(serve(with_fields(arrival, message=message)), connected)


def signed(outcome: Outcome) -> Outcome:
    """Returns an answer with the proxy's name on it [istio/istio: pkg/networking/core, EnvoyServerName]."""
    if outcome.status is None:
        return outcome
    kept = (header for header in outcome.headers if header[0] != _SERVER[0])
    return with_fields(outcome, headers=(*kept, _SERVER))


def _as_read(arrival: Arrival, port: InboundPort | None) -> Arrival:
    """Returns an arrival as the server's sidecar takes it: `opaque` where it reads no HTTP in it.

    Where the port says nothing, the client's sidecar tells inside of mutual TLS how it has read it.
    """
    if port is not None and port.http:
        opaque = arrival.message.opaque
    elif port is not None and port.protocol:
        opaque = True
    else:
        opaque = arrival.message.opaque or (arrival.opaque and arrival.tls is Mesh.ISTIO)
    return with_fields(arrival, opaque=opaque)


def _unreadable(arrival: Arrival, port: InboundPort | None) -> Step | None:
    """Returns why the sidecar closes a connection of which it can't make anything; None if it can."""
    if port is None or not port.http or not arrival.message.opaque:
        return None
    text = "port {} is HTTP's by name or appProtocol: what isn't HTTP is closed"
    return step(port.origin, port.field, Action.FAILED, text, arrival.port)
