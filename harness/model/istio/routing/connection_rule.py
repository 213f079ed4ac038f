"""The `tcp` and `tls` rules of VirtualServices, and TCPRoutes and TLSRoutes: which takes a connection."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH, covers, specificity
from harness.model.istio.registry import service as registry
from harness.model.istio.routing import gamma, virtual_service
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.network import attachment
from harness.model.state.tables import HostTable, per_key
from harness.traffic.trace import Action, Step, Words, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.istio.registry.listeners import Claim, Listener, Place
    from harness.model.istio.registry.service import Port
    from harness.model.istio.routing.rule import RoutingMatch, RoutingRule
    from harness.model.message import Message
    from harness.model.state import Pod, State


@dataclass(frozen=True)
class Chain:
    """What a listener's connections must be to go one way: to a rule's destinations, or to `claim`'s service.

    Their address must be in one of the `networks`, and TLS must ask for one of the `names`, if there are any
    [Envoy: FilterChainMatch].
    """

    claim: Claim
    networks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rule: RoutingRule | None = None
    match: RoutingMatch | None = None

    @property
    def condition(self) -> tuple[frozenset[str], frozenset[str]]:
        """What tells it from others: of two with equal conditions Istio leaves the second out."""
        networks = frozenset(str(ip_network(network, strict=False)) for network in self.networks)
        return networks - {"0.0.0.0/32"}, frozenset(self.names) - {"*"}

    @property
    def takes_all(self) -> bool:
        """Whether it has no conditions."""
        return not self.networks and (not self.names or "*" in self.names)

    def origin(self) -> tuple[Resource, str]:
        """Returns the object and the field that name its networks."""
        if self.rule is None or self.match is None or not self.match.subnets:
            return self.claim.service.origin, "spec.addresses"
        return self.rule.origin, f"{self.match.where}.destinationSubnets"

    def width(self, place: Place) -> int:
        """Returns the length of the narrowest of its networks with an address, -1 if that is in none."""
        fitting = (network for network in self.networks if place.lies_in(network, *self.origin()))
        return max((ip_network(network, strict=False).prefixlen for network in fitting), default=-1)


def find(
    state: State, client: Pod, listener: Listener, place: Place, message: Message
) -> tuple[Chain | None, list[Step]]:
    """Returns which of a listener's chains takes a connection, and why others don't; None: no chain of bytes.

    The narrowest network counts first, then the most specific name; what no chain is for goes to the one
    without conditions, if there is one. HTTP whose listener tells requests apart is no bytes, but where it
    goes to one of the chains' networks.
    """
    chains, lost = _chains(state, client, listener, message)
    by_width = [(chain.width(place), chain) for chain in chains if chain.networks]
    narrowest = max((width for width, _ in by_width), default=-1)
    if narrowest >= 0:
        here = [chain for width, chain in by_width if width == narrowest]
        plain = next((chain for chain in here if not chain.names), None)
    elif listener.http and not message.opaque:
        return None, []
    else:
        here = [chain for chain in chains if not chain.networks]
        plain = None
    taken, why = _by_name([chain for chain in here if chain.names and not chain.takes_all], message)
    return taken or plain or next((chain for chain in chains if chain.takes_all), None), lost + why


def _by_name(chains: list[Chain], message: Message) -> tuple[Chain | None, list[Step]]:
    best: tuple[tuple[bool, int], Chain] | None = None
    lost: list[Step] = []
    for chain in chains:
        names = [name for name in chain.names if message.tls and covers(name, message.sni)]
        if names:
            rank = max(map(specificity, names))
            best = (rank, chain) if best is None or rank > best[0] else best
        elif chain.rule is not None and chain.match is not None:
            text = "{} is none of its sniHosts"
            lost.append(step(chain.rule.origin, chain.match.where, Action.UNMATCHED, text, sought(message)))
    return (best[1] if best else None), lost


def _chains(
    state: State, client: Pod, listener: Listener, message: Message
) -> tuple[list[Chain], list[Step]]:
    kept: list[Chain] = []
    lost: list[Step] = []
    conditions = set()
    for claim in _relevant(state, listener, message):
        own, why = _of_claim(state, client, claim)
        lost += why
        for chain in own:
            if chain.condition in conditions:
                text = "comes after {}, which takes the same connections"
                first = next(other for other in kept if other.condition == chain.condition)
                lost.append(step(claim.service.origin, "spec.ports", Action.OUTRANKED, text, _whose(first)))
            else:
                conditions.add(chain.condition)
                kept.append(chain)
    return kept, lost


def _whose(chain: Chain) -> Resource:
    return chain.rule.origin if chain.rule is not None else chain.claim.service.origin


_FEW = 4
"""Of so many claims each is looked at."""


def _relevant(state: State, listener: Listener, message: Message) -> list[Claim]:
    """The claims that a connection may meet: of services without rules by their names, or the first."""
    if len(listener.claims) <= _FEW:
        return list(listener.claims)
    ruled, named = _sorted(state, listener)
    meant = {id(claim) for claim in (*ruled, *(named.covering(message.sni) if message.tls else ()))}
    return [claim for claim in listener.claims if id(claim) in meant]


@per_key(lambda listener: id(listener))
def _sorted(state: State, listener: Listener) -> tuple[list[Claim], HostTable[Claim]]:
    ruled: list[Claim] = []
    named: list[tuple[str, Claim]] = []
    for claim in listener.claims:
        service = claim.service
        followed = any(
            virtual_service.tls_rules(each) or virtual_service.tcp_rules(each)
            for each in virtual_service.by_host(state).covering(service.host)
        )
        routed = followed or service.aliases or attachment.about(state, service.origin)
        plain = not routed and not claim.networks
        if plain and claim.named and claim.protocol == "tls":
            named.append((service.host, claim))
        elif not plain or not any(_is_for_all(other) for other in ruled):
            ruled.append(claim)
    return ruled, HostTable(named)


def _is_for_all(claim: Claim) -> bool:
    return not claim.networks and claim.protocol != "tls"


def _of_claim(state: State, client: Pod, claim: Claim) -> tuple[list[Chain], list[Step]]:
    """The chains of a service's port [istio/istio: buildSidecarOutboundTCPListenerOpts]."""
    candidates, lost = virtual_service.visible(state, client, claim.port.number, claim.service.host)
    ordered = [resource for _, resource in sorted(candidates, key=lambda candidate: candidate[0])]
    kind = "TLSRoute" if claim.protocol == "tls" else "TCPRoute"
    attached, unattached = gamma.attached(state, claim.port, client.namespace, (kind,))
    routes = [gateway_route.sidecar_connection_rule(route, claim.port.host) for route in attached]
    chains = _by_names if claim.protocol == "tls" else _by_networks
    own, why = chains(routes, ordered, client, claim)
    return own, unattached + lost + why


def _by_networks(
    routes: list[RoutingRule], ordered: list[Resource], client: Pod, claim: Claim
) -> tuple[list[Chain], list[Step]]:
    """The oldest route, or the `tcp` rules up to the first for all addresses, or else the service."""
    made: list[Chain] = []
    lost: list[Step] = []
    if routes:
        return [Chain(claim, claim.networks, rule=routes[0])], lost
    for resource in ordered:
        for rule in virtual_service.tcp_rules(resource):
            subnets: list[RoutingMatch] = []
            for match in rule.matches or (None,):
                if match is None:
                    return [*made, Chain(claim, claim.networks, rule=rule)], lost
                if unmet := _not_for(match, client, claim.port):
                    lost.append(step(resource, match.where, Action.UNMATCHED, "{}", unmet))
                elif not match.subnets:
                    return [*made, Chain(claim, claim.networks, rule=rule, match=match)], lost
                else:
                    subnets.append(match)
            made += [Chain(claim, match.subnets, rule=rule, match=match) for match in subnets]
    return [*made, Chain(claim, claim.networks)], lost


def _by_names(
    routes: list[RoutingRule], ordered: list[Resource], client: Pod, claim: Claim
) -> tuple[list[Chain], list[Step]]:
    """The `tls` rules and routes, or else the service by its names, where it has no address of its own."""
    made = [Chain(claim, claim.networks, rule.matches[0].sni, rule, rule.matches[0]) for rule in routes]
    lost: list[Step] = []
    networks = claim.networks
    for resource in ordered:
        for rule in virtual_service.tls_rules(resource):
            for match in rule.matches:
                if unmet := _not_for(match, client, claim.port):
                    lost.append(step(resource, match.where, Action.UNMATCHED, "{}", unmet))
                    continue
                networks = match.subnets or networks  # and so of later matches, too
                made.append(Chain(claim, networks, match.sni, rule, match))
    if made:
        return made, lost
    service = claim.service
    short = (each for alias in service.aliases for each in ((alias, ""), *registry.short_names(alias)))
    names = (name for name, namespace in short if namespace in ("", client.namespace))
    return [Chain(claim, claim.networks, (service.host, *names) if claim.named else ())], lost


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
