"""The `tcp` and `tls` rules of VirtualServices, and TCPRoutes and TLSRoutes: which takes a connection."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH, covers, specificity
from harness.api.kubernetes.service import Service
from harness.base.errors import not_modelled
from harness.base.networks import is_address
from harness.model.istio.routing import gamma, virtual_service
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.network.addresses import SERVICE_NETWORK
from harness.traffic.trace import Action, Step, Words, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.istio.registry.hosts import Port
    from harness.model.istio.routing.rule import RoutingMatch, RoutingRule
    from harness.model.message import Message
    from harness.model.state import Pod, State

Choice = tuple["RoutingRule | Step | None", list["Step"]]


def find(state: State, client: Pod, port: Port, message: Message) -> Choice:
    """Returns the rule that a sidecar follows for a connection to a port, and why others aren't followed.

    None if no rule is about the port: then the host's own endpoints are meant; a Step where rules are, but
    none for the name that TLS asks for: then the connection is passed through.
    """
    candidates, lost = virtual_service.visible(state, client, port.host)
    ordered = [resource for _, resource in sorted(candidates, key=lambda candidate: candidate[0])]
    kind = "TLSRoute" if port.protocol == "tls" else "TCPRoute"
    attached, unattached = gamma.attached(state, port, client.namespace, (kind,))
    routes = [gateway_route.sidecar_connection_rule(route, port.host) for route in attached]
    if port.protocol == "tls":
        chosen, why = _by_name(routes, ordered, client, port, message)
    else:
        chosen, why = _by_port(routes, ordered, client, port)
    return chosen, unattached + lost + why


def _by_port(routes: list[RoutingRule], ordered: list[Resource], client: Pod, port: Port) -> Choice:
    """The oldest route's rule, or the first `tcp` rule of all VirtualServices that fits."""
    lost: list[Step] = []
    for route in routes:
        return route, [step(route.origin, route.field, Action.MATCHED, "takes every connection")]
    for resource in ordered:
        for rule in virtual_service.tcp_rules(resource):
            if not rule.matches:
                text = "has no match, so takes every connection"
                return rule, [*lost, step(resource, rule.field, Action.MATCHED, text)]
            for match in rule.matches:
                unmet = _not_for(match, client, port) or _elsewhere(match, port, rule)
                if not unmet:
                    taken = step(resource, match.where, Action.MATCHED, "takes the connection")
                    return rule, [*lost, taken]
                lost.append(step(resource, match.where, Action.UNMATCHED, "{}", unmet))
    return None, lost


def _by_name(
    routes: list[RoutingRule], ordered: list[Resource], client: Pod, port: Port, message: Message
) -> Choice:
    """The `tls` rule, or route, with the most specific name."""
    chains: list[tuple[RoutingMatch, RoutingRule]] = [(rule.matches[0], rule) for rule in routes]
    lost: list[Step] = []
    for resource in ordered:
        for rule in virtual_service.tls_rules(resource):
            for match in rule.matches:
                unmet = _not_for(match, client, port)
                if unmet:
                    lost.append(step(resource, match.where, Action.UNMATCHED, "{}", unmet))
                else:
                    chains.append((match, rule))
    if not chains:
        return None, lost
    here = ((match, rule) for match, rule in chains if not _elsewhere(match, port, rule))
    best, why = most_specific(here, message)
    if best is not None:
        return best, lost + why
    text = "has tls rules, but none for {}: passed through"
    passed = step(port.origin, "spec.ports", Action.BYPASSED, text, sought(message))
    return passed, lost + why


def most_specific(
    chains: Iterable[tuple[RoutingMatch, RoutingRule]], message: Message
) -> tuple[RoutingRule | None, list[Step]]:
    """Returns the rule with the most specific name that fits TLS's, as Envoy chooses; the first of equals."""
    ranked: list[tuple[tuple[bool, int], RoutingMatch, RoutingRule]] = []
    lost: list[Step] = []
    for match, rule in chains:
        names = [name for name in match.sni if name == "*" or (message.tls and covers(name, message.sni))]
        if names:
            ranked.append((max(specificity(name) for name in names), match, rule))
        else:
            text = "{} is none of its sniHosts"
            lost.append(step(rule.origin, match.where, Action.UNMATCHED, text, sought(message)))
    if not ranked:
        return None, lost
    _, match, rule = max(ranked, key=lambda candidate: candidate[0])
    return rule, [*lost, step(rule.origin, match.where, Action.MATCHED, "is for {}", sought(message))]


def sought(message: Message) -> str:
    """Returns the words for what a connection asks for."""
    return f"SNI {message.sni}" if message.tls else "what isn't TLS"


def excluded(match: RoutingMatch, port: int, gateway: str) -> Words | None:
    """Returns why a `tcp` or `tls` match isn't for a gateway's (or `mesh`'s) port, None if it is."""
    if match.port and match.port != port:
        return words("is for port {}, not {}", match.port, port)
    if match.gateways and gateway not in match.gateways:
        return words("is for gateways {}", ", ".join(match.gateways))
    return None


def _not_for(match: RoutingMatch, client: Pod, port: Port) -> Words | None:
    return excluded(match, port.number, MESH) or match.other_source(client)


def _elsewhere(match: RoutingMatch, port: Port, rule: RoutingRule) -> str:
    """Why the Service's address isn't in the networks of a match, empty if it is."""
    if not match.subnets:
        return ""
    address = Service.of(port.origin).cluster_ip
    networks = [ip_network(subnet, strict=False) for subnet in match.subnets]
    if is_address(address):
        inside = any(ip_address(address) in network for network in networks)
        return "" if inside else f"{address} isn't in its destinationSubnets"
    if any(network == ip_network("0.0.0.0/0") for network in networks):
        return ""
    if not any(network.overlaps(SERVICE_NETWORK) for network in networks if network.version == 4):
        return "no Service's address is in its destinationSubnets"
    why = f"the address of {port.origin} isn't known: its spec.clusterIP tells"
    raise not_modelled(rule.origin, f"{match.where}.destinationSubnets", why)
