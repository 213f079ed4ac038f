"""The virtual hosts of a gateway: which VirtualServices speak for a host, and where https is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio import ingress
from harness.api.istio.hosts import covers, specificity, visibility
from harness.api.istio.virtual_service import VirtualService
from harness.model.istio import mesh_config, revision
from harness.model.istio.gateway import attachment as gateway_attachment
from harness.model.istio.gateway import kubernetes_ingress
from harness.model.istio.routing import connection_rule, delegate, virtual_service
from harness.model.istio.routing.rule import RoutingMatch, RoutingRule, applicable
from harness.model.state.tables import grouped, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.base.resources import Resource
    from harness.model.istio.gateway.kubernetes_ingress import HostRules
    from harness.model.istio.gateway.server import GatewayServer
    from harness.model.state import Pod, State

Level = tuple[bool, int]


@dataclass(frozen=True)
class VirtualHost:
    """The rules for a host in their order, and why plain HTTP is sent to https, if it is."""

    rules: tuple[RoutingRule, ...]
    redirects: Step | None
    trace: tuple[Step, ...]


def find(state: State, pod: Pod, servers: Sequence[GatewayServer], host: str) -> VirtualHost:
    """Returns the most specific virtual host for a host; rules that take everything come last in it."""
    trace: list[Step] = []
    by_gateway = grouped((server.gateway_name, server) for server in servers)
    redirecting = [  # a host with a namespace covers nothing here: its name is taken as it is
        (specificity(name), server)
        for server in servers
        if server.redirects
        for name in server.hosts
        if covers(name, host)
    ]
    speaking: list[tuple[Level, Resource, GatewayServer, tuple[RoutingRule, ...], list[Step]]] = []
    for resource in _visible(state, pod, virtual_service.by_host(state).covering(host), by_gateway, trace):
        for server in _of(resource, by_gateway):
            shared = _shared(resource, server, host)
            if shared is None:
                text = "has no host in common with {} {} that covers {}"
                parts = (server.gateway, server.field, host)
                trace.append(step(resource, "spec.hosts", Action.UNMATCHED, text, *parts))
                continue
            written, left_out = delegate.rules(state, resource, server.gateway_name)
            own, lost = applicable(written, pod, server.number)
            if not own:  # it makes no virtual host then
                text = "has no http rule for {} {}"
                trace += [*left_out, *lost]
                trace.append(
                    step(resource, "spec.http", Action.UNMATCHED, text, server.gateway, server.field)
                )
                continue
            speaking.append((specificity(shared), resource, server, tuple(own), [*left_out, *lost]))
            if server.redirects:
                redirecting.append((specificity(shared), server))
    of_ingresses = _of_ingresses(state, pod, by_gateway, host)
    trace += revision.passed_over(
        state,
        VirtualService.KIND,
        lambda apart: bool(_of(apart, by_gateway)) and virtual_service.speaks_for(apart, host),
    )
    routes, unattached = gateway_attachment.attached(state, [s.listener for s in servers if s.listener], host)
    trace += unattached
    levels = [level for level, *_ in speaking] + [level for level, _ in redirecting]
    levels += [level for level, _ in of_ingresses]
    best = max([*levels, *(attached.level for attached in routes)], default=None)
    rules: list[RoutingRule] = []
    for level, made in of_ingresses:
        if level == best:
            trace.append(step(made.ingress, "spec.rules", Action.MATCHED, "speaks for {}", host))
            rules += made.rules
    for resource, server, own, lost in {
        (each[1].key, each[2].gateway_name): each[1:] for each in speaking if each[0] == best
    }.values():
        text = "speaks for {} at Gateway {}"
        trace.append(step(resource, "spec.hosts", Action.MATCHED, text, host, server.gateway_name))
        rules += own
        trace += lost
    for attached in routes:
        route, listener = attached.route.resource, attached.listener
        if attached.level == best:
            text, at = "speaks for {} at {} {}", (listener.resource, listener.path)
            trace.append(step(route, "spec.hostnames", Action.MATCHED, text, host, *at))
        else:
            text = "isn't taken: another name that covers {} is more specific"
            trace.append(step(route, "spec.hostnames", Action.OUTRANKED, text, host))
    rules += gateway_attachment.rules(state, pod, [route for route in routes if route.level == best])
    ordered = sorted(rules, key=lambda rule: not rule.matches or rule.matches[0].takes_all)
    sender = next((server for level, server in redirecting if level == best), None)
    text = "sends plain HTTP to https"
    sends = sender.step("tls.httpsRedirect", Action.REDIRECTED, text) if sender else None
    return VirtualHost(tuple(ordered), sends, tuple(trace))


def _of_ingresses(
    state: State, pod: Pod, by_gateway: dict[str, list[GatewayServer]], host: str
) -> list[tuple[Level, HostRules]]:
    """The rules of Ingresses for a host, where one of their Gateway's servers offers it, and how specific.

    They are exported as MeshConfig says by default, and come before those of VirtualServices.
    """
    default = mesh_config.of(state).virtual_service_export_to
    found = []
    for made in kubernetes_ingress.by_host(state).covering(host):
        servers = by_gateway.get(ingress.gateway_name(made.ingress), ())
        offered = [name for server in servers for name in server.names if covers(name, host)]
        if offered and visibility(made.ingress, pod.namespace, default) is not None:
            found.append((max(map(specificity, (made.host, *offered))), made))
    return found


def by_name(state: State, pod: Pod, servers: Iterable[GatewayServer], name: str) -> GatewayServer | None:
    """Returns the server that takes TLS which asks for a name: the one with the most specific of its own.

    These are a server's hosts where it reads HTTP. One that sends bytes on has none without a rule, and one
    that passes TLS on has those of its rules [istio/istio: createGatewayTCPFilterChainOpts].
    """
    fitting = (
        (specificity(own), server)
        for server in servers
        for own in _names(state, pod, server, name)
        if covers(own, name)
    )
    return max(fitting, key=lambda candidate: candidate[0], default=(None, None))[1]


def _names(state: State, pod: Pod, server: GatewayServer, name: str) -> Iterable[str]:
    if server.reads_http or server.crosses_clusters:
        return server.names
    if server.listener:
        rule, _ = gateway_attachment.connection_rule(state, server.listener, name)
        return server.names if rule else ()
    own = chains(state, pod, server, [])
    if server.passes_tls_on:
        return [sni for match, _ in own for sni in match.sni]
    return server.names if own else ()


def chains(
    state: State, pod: Pod, server: GatewayServer, lost: list[Step]
) -> list[tuple[RoutingMatch, RoutingRule]]:
    """Returns the `tls` or `tcp` rules for connections to a server, each with its match, in their order.

    Those of VirtualServices that are bound to its Gateway, visible, and have a host in common; why others
    don't count is added to `lost`.
    """
    read = virtual_service.tls_rules if server.passes_tls_on else virtual_service.tcp_rules
    pairs = []
    candidates = _by_gateway(state).get(server.gateway_name, [])
    for resource in _visible(state, pod, candidates, {server.gateway_name: [server]}, lost):
        offered = server.hosts_for(resource.namespace)
        if not any(covers(a, b) or covers(b, a) for a in offered for b in virtual_service.hosts(resource)):
            text = "has no host in common with {} {}"
            lost.append(step(resource, "spec.hosts", Action.UNMATCHED, text, server.gateway, server.field))
            continue
        for rule in read(resource):
            for match in rule.matches or (RoutingMatch(rule.field),):
                unmet = connection_rule.excluded(match, server.number, server.gateway_name)
                if unmet:
                    lost.append(step(resource, match.where, Action.UNMATCHED, "{}", unmet))
                else:
                    pairs.append((match, rule))
    lost += revision.passed_over(
        state,
        VirtualService.KIND,
        lambda apart: server.gateway_name in virtual_service.gateways(apart) and bool(read(apart)),
    )
    return pairs


def _visible(
    state: State,
    pod: Pod,
    candidates: Iterable[Resource],
    by_gateway: dict[str, list[GatewayServer]],
    lost: list[Step],
) -> list[Resource]:
    """Those bound to one of the Gateways that the gateway's pod sees, in the order of its looking."""
    default = mesh_config.of(state).virtual_service_export_to
    seen_by: list[tuple[int, Resource]] = []
    for resource in candidates:
        if _of(resource, by_gateway):
            seen = visibility(resource, pod.namespace, default)
            if seen is None:
                text = "isn't exported to {}"
                lost.append(step(resource, "spec.exportTo", Action.HIDDEN, text, pod.namespace))
            else:
                seen_by.append((seen, resource))
    return [resource for _, resource in sorted(seen_by, key=lambda visible: visible[0])]


def _of(resource: Resource, by_gateway: dict[str, list[GatewayServer]]) -> list[GatewayServer]:
    return [server for name in virtual_service.gateways(resource) for server in by_gateway.get(name, ())]


@per_state
def _by_gateway(state: State) -> dict[str, list[Resource]]:
    acting = revision.acting(state, *VirtualService.KIND)
    return grouped((name, resource) for resource in acting for name in virtual_service.gateways(resource))


def _shared(resource: Resource, server: GatewayServer, host: str) -> str | None:
    """The narrower of a VirtualService's and a server's host that both cover the request's."""
    shared = [
        max(wanted, offered, key=specificity)
        for wanted in virtual_service.hosts(resource)
        for offered in server.hosts_for(resource.namespace)
        if covers(wanted, host) and covers(offered, host)
    ]
    return max(shared, key=specificity) if shared else None
