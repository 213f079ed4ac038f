"""What an ingress gateway answers: by the servers of Gateways, and the VirtualServices bound to them.

[istio/istio: pilot/pkg/networking/core/gateway.go]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.istio.proxy_changes import GATEWAY
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model import replies
from harness.model.distribution import after, certain, mapped
from harness.model.istio import connection, extensions, forwarded_headers
from harness.model.istio.gateway import attachment as gateway_attachment
from harness.model.istio.gateway import cross_cluster
from harness.model.istio.gateway import server as gateway_server
from harness.model.istio.gateway import virtual_host as gateway_host
from harness.model.istio.inbound import signed
from harness.model.istio.routing import connection_rule, router
from harness.model.istio.routing.rule import Chosen, first_match
from harness.model.istio.security import access, credentials
from harness.model.message import ClientSide
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.model.istio.gateway.server import GatewayServer, PortListener
    from harness.model.istio.routing.rule import RoutingRule
    from harness.model.message import Answers, Arrival, Deliver, Message
    from harness.model.state import State


def receive(state: State, arrival: Arrival, deliver: Deliver) -> Answers:
    """Returns what a request gets that arrives at a gateway's pod.

    No Gateway has a server on the port: nothing listens there. Otherwise TLS's name picks the server, whose
    mode says whether TLS ends here; policies on the gateway decide; then the VirtualServices.
    """

    def answered(outcome: Outcome) -> Outcome:  # the gateway's own answers went over the client's connection
        return outcome if outcome.hop or outcome.failure else replace(outcome, hop=arrival.hop)

    return mapped(_received(ClientSide(state, arrival.server, deliver), arrival), answered)


def _received(side: ClientSide, arrival: Arrival) -> Answers:
    state, pod, message = side.state, side.client, arrival.message
    listener = gateway_server.listener(state, pod, arrival.port)
    passed_over = (*gateway_server.passed_over(state, pod), *_met(state, arrival, listener))
    if listener is None:
        text = "no Gateway has a server for port {} of {}: nothing listens there"
        refused = built_in(Action.FAILED, text, arrival.port, pod.workload)
        return certain(Outcome(failure=Failure.REFUSED), *passed_over, refused)
    left_out = (*passed_over, *listener.left_out)
    # For a server that passes bytes on the gateway listens only if a rule says where.
    if not any(
        server.reads_http
        or server.listener
        or server.crosses_clusters
        or gateway_host.chains(state, pod, server, [])
        for server in (*listener.plain, *listener.tls)
    ):
        text = "no VirtualService has a rule for the servers of port {}: nothing listens there"
        refused = built_in(Action.FAILED, text, arrival.port)
        return certain(Outcome(failure=Failure.REFUSED), *left_out, refused)
    if listener.tls and (message.tls or arrival.tls is Mesh.ISTIO):
        name = message.sni if arrival.tls is None else arrival.sni
        server = gateway_host.by_name(state, pod, listener.tls, name)
        if server is not None:
            return after(_by_tls(side, arrival, server), *left_out)
    if not listener.plain:
        wanted = connection_rule.sought(message) if arrival.tls is None else f"SNI {arrival.sni}"
        text = "the port's servers have no host for {}: the connection is closed"
        why = listener.tls[0].step("hosts", Action.FAILED, text, wanted)
        return certain(Outcome(failure=Failure.TLS if message.tls else Failure.RESET), *left_out, why)
    if not listener.plain[0].http:
        return after(_bytes(side, arrival, listener.plain[0], message), *left_out)
    if message.opaque or arrival.tls is not None:
        why = listener.plain[0].step("", Action.FAILED, "speaks plain HTTP: what isn't that is closed")
        return certain(replies.closed(message), *left_out, why)
    return after(_http(side, arrival, listener.plain, message), *left_out)


def _met(state: State, arrival: Arrival, listener: PortListener | None) -> tuple[Step, ...]:
    """What meets a connection at the gateway beyond what the model reads."""
    ports = _ports(arrival, (*listener.plain, *listener.tls)) if listener else frozenset((arrival.port,))
    return extensions.at_listener(state, arrival.server, GATEWAY, ports, http=True)


def _ports(arrival: Arrival, servers: tuple[GatewayServer, ...]) -> frozenset[int]:
    """The pod's port, and those of Services that lead there."""
    return frozenset((arrival.port, *(server.number for server in servers)))


def _by_tls(side: ClientSide, arrival: Arrival, server: GatewayServer) -> Answers:
    """What comes back of TLS that a server has a host for."""
    message, mode = arrival.message, server.mode
    if server.crosses_clusters:
        return cross_cluster.passed(side, arrival, server)
    if server.passes_tls_on:
        if arrival.tls is not None:
            why = "it is the mesh's own TLS that goes on to what the gateway sends to"
            raise not_modelled(server.gateway, f"{server.field}.tls.mode", why)
        return _bytes(side, arrival, server, message)
    ended = _handshake(side.state, arrival, server)
    if isinstance(ended, Outcome):
        return certain(ended, server.step("tls", Action.FAILED, "mode {}: {}", mode or "", str(ended)))
    asked = f"SNI {arrival.sni}" if arrival.tls else connection_rule.sought(message)
    trace = server.step("tls.mode", Action.ENCRYPTED, "mode {} ends TLS for {}", mode or "", asked)
    # Inside of Istio's own mutual TLS the client's, if there is any, stays.
    inner = message if arrival.tls else replace(message, tls=False, scheme="https")
    if not server.reads_http:
        return after(_bytes(side, arrival, server, inner), trace, *ended)
    if inner.opaque:
        return certain(replies.closed(message), trace, *ended)
    return after(_http(side, arrival, (server,), inner), trace, *ended)


def _handshake(state: State, arrival: Arrival, server: GatewayServer) -> Outcome | tuple[Step, ...]:
    """The failure of a TLS handshake, or what let it succeed. Clients themselves show no certificate."""
    if server.fault:
        return Outcome(failure=Failure.TLS, detail=f"{Failure.TLS}: {server.fault}")
    mode = server.mode
    istio = arrival.tls is Mesh.ISTIO
    refused = Outcome(failure=Failure.RESET, detail="TLS alert: certificate required (curl 56)")
    if istio:
        return () if mode == "ISTIO_MUTUAL" else Outcome(failure=Failure.TLS)
    if mode == "ISTIO_MUTUAL":
        return refused
    for name in server.credentials:
        if missing := credentials.missing(state, arrival.server.namespace, name):
            return Outcome(failure=Failure.TLS, detail=f"TLS handshake failed (curl 35): {missing}")
        asks = mode in ("MUTUAL", "OPTIONAL_MUTUAL") and server.gateway.group != GROUP
        if asks and (lacking := credentials.without_authority(state, arrival.server.namespace, name)):
            return Outcome(failure=Failure.TLS, detail=f"TLS handshake failed (curl 35): {lacking}")
    if arrival.message.certified and mode in ("MUTUAL", "OPTIONAL_MUTUAL"):
        why = "whether it trusts the certificate that the client's proxy shows isn't known"
        raise not_modelled(server.gateway, f"{server.field}.tls.mode", why)
    return refused if mode == "MUTUAL" else ()


def _http(
    side: ClientSide, arrival: Arrival, servers: tuple[GatewayServer, ...], message: Message
) -> Answers:
    """What comes back of an HTTP request: policies first, then the virtual host for its Host header."""

    def routed(admitted: Arrival) -> Answers:
        ports, host = _ports(arrival, servers), admitted.message.host.lower()
        met = extensions.at_virtual_host(side.state, side.client, GATEWAY, ports, host)
        return after(_routed(side, servers, admitted), *met)

    read = replace(arrival, message=message, opaque=False)
    return mapped(access.guarded(side.state, read, side.deliver, routed), signed)


def _routed(side: ClientSide, servers: tuple[GatewayServer, ...], admitted: Arrival) -> Answers:
    inner, port = admitted.message, servers[0].number
    host = inner.host.lower()
    virtual_host = gateway_host.find(side.state, side.client, servers, host)
    if virtual_host.redirects and inner.scheme != "https":
        target = f"https://{inner.authority}{inner.target}"
        answer = replies.envoy(inner, 301, headers=(("location", target),))
        return certain(answer, *virtual_host.trace, virtual_host.redirects)
    if not virtual_host.rules:
        unbound = built_in(
            Action.FAILED, "nothing bound to a Gateway on port {} has host {}: 404", port, host
        )
        return certain(replies.envoy(inner, 404), *virtual_host.trace, unbound)
    chosen = first_match(virtual_host.rules, inner)
    if not isinstance(chosen, Chosen):
        no_route = built_in(Action.ANSWERED, "no rule matches: the gateway answers 404")
        return certain(replies.envoy(inner, 404), *virtual_host.trace, *chosen, no_route)
    sent = forwarded_headers.at_gateway(side.state, admitted)
    return after(router.follow(side, port, sent, chosen), *virtual_host.trace)


def _bytes(side: ClientSide, arrival: Arrival, server: GatewayServer, message: Message) -> Answers:
    """What comes back of a connection whose bytes are passed on, by a `tls` rule or the first `tcp` rule."""
    if server.listener:
        name = arrival.message.sni.lower()
        rule, trace = gateway_attachment.connection_rule(side.state, server.listener, name)
    else:
        rule, trace = _rule(side, server, message)
    if rule is None:
        text = "nothing bound to the Gateway has a rule for it: the connection is closed"
        failure = Failure.TLS if arrival.message.tls else Failure.RESET
        return certain(Outcome(failure=failure), *trace, server.step("", Action.FAILED, text))
    taken, read = rule, replace(arrival, message=message, opaque=True)

    def routed(admitted: Arrival) -> Answers:
        return connection.follow(side, taken, server.number, admitted.message)

    return after(access.guarded(side.state, read, side.deliver, routed), *trace)


def _rule(side: ClientSide, server: GatewayServer, message: Message) -> tuple[RoutingRule | None, list[Step]]:
    lost: list[Step] = []
    chains = gateway_host.chains(side.state, side.client, server, lost)
    if server.passes_tls_on:
        best, passed = connection_rule.most_specific(chains, message)
        return best, lost + passed
    if not chains:
        return None, lost
    match, rule = chains[0]
    return rule, [*lost, step(rule.origin, match.where, Action.MATCHED, "takes the connection")]
