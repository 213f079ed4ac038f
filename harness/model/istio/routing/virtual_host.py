"""The virtual hosts of a client's sidecar: whose rules a request follows, by the Host that it names.

As istiod builds them for a port [istio/istio: core.BuildSidecarOutboundVirtualHosts,
route.BuildSidecarVirtualHostWrapper].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH, covers, within
from harness.base import explored
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import service as registry_service
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.routing import delegate, gamma, virtual_service
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.istio.routing.rule import RoutingRule, applicable
from harness.model.state.tables import HostTable, grouped, per_key
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base.resources import Resource
    from harness.model.istio.registry.service import Port, RegistryService
    from harness.model.istio.registry.sidecar_scope import Egress
    from harness.model.state import Pod, State


Rank = tuple[bool, int]
"""How specific a domain is that covers a host: the host itself, or a wildcard by its length."""

_EXACT: Rank = (True, 0)


@dataclass(frozen=True)
class Known:
    """A service with its port, and how specific the domain is by which a Host means it."""

    rank: Rank
    service: RegistryService
    port: Port


@dataclass(frozen=True)
class VirtualHost:
    """What a Host means: the rules of VirtualServices or routes, or (None) a service's port without any.

    Without either it means nothing that the proxy knows. `host` is the one that its name has.
    """

    port: Port | None = None
    rules: tuple[RoutingRule, ...] | None = None
    trace: tuple[Step, ...] = ()
    host: str = "allow_any"


def of_service(state: State, client: Pod, service: RegistryService, port: Port) -> VirtualHost:
    """Returns what all requests mean that come to a service's own listener."""
    search = _Search(state, client, port.number, service.host)
    return search.of_domain((), Known(_EXACT, service, port))


def find(state: State, client: Pod, number: int, host: str) -> VirtualHost:
    """Returns what a Host means on a port, whatever was dialled; the most specific name counts."""
    egress = sidecar_scope.of(state, client).on_port(number)
    services = explored.of(_covering, state, client.namespace, egress, number, host) if egress else ()
    known = grouped((each.rank, each) for each in services)
    names = tuple(each.service.host for each in services)
    patterns: dict[Rank, list[str]] = {}
    for pattern, _ in virtual_service.patterns(state).covering(*names, host):
        if not any(covers(pattern, name) for name in names):
            patterns.setdefault(_rank(pattern), []).append(pattern)
    search = _Search(state, client, number, host)
    for rank in sorted({*known, *patterns}, reverse=True):
        for each in known.get(rank, [None]):
            owner = search.of_domain(tuple(patterns.get(rank, ())), each)
            if owner.rules is not None or owner.port is not None:
                return owner
    return VirtualHost(trace=tuple(search.trace))


def _rank(domain: str) -> Rank:
    return (False, len(domain)) if domain.startswith("*") else _EXACT


def _covering(state: State, namespace: str, egress: Egress, number: int, host: str) -> tuple[Known, ...]:
    """The services that a Host means, the most specific domain first."""
    tables = _by_domain(state, registry_service.view(state, namespace), egress, number)
    meant = (known for of in ("", namespace) if of in tables for known in tables[of].covering(host))
    return tuple(sorted(meant, key=_specific, reverse=True))


def _specific(known: Known) -> Rank:
    return known.rank


@per_key(lambda namespace, egress, number: (namespace, egress, number))
def _by_domain(state: State, namespace: str, egress: Egress, number: int) -> dict[str, HostTable[Known]]:
    """The services with a port by the Host headers that mean them; of equal ones the first has it.

    Those that mean them to a namespace's clients alone stand in tables of their own. ExternalNames with that
    port come before what they stand for: VirtualServices may be for them.
    """
    having = _first_of_each(registry.on_port(state, namespace, egress, number))
    full = {service.host for service, _ in having}
    table: dict[tuple[str, str, bool], Known] = {}
    for service, port in having:
        own = (service.host, *service.aliases)
        for domain, of in registry_service.domains(service):
            # A short name that is another's full one is that one's.
            if domain in own or domain not in full:
                table.setdefault((of, domain, not service.target), Known(_rank(domain), service, port))
    by_namespace = grouped((of, (domain, table[of, domain, last])) for of, domain, last in sorted(table))
    return {of: HostTable(entries) for of, entries in by_namespace.items()}


def _first_of_each(
    having: Sequence[tuple[RegistryService, Port]],
) -> list[tuple[RegistryService, Port]]:
    """One service for each host, a Service if there is one."""
    kept: dict[str, tuple[RegistryService, Port]] = {}
    for service, port in having:
        if service.in_kubernetes or service.host not in kept:
            kept[service.host] = (service, port)
    return list(kept.values())


@dataclass
class _Search:
    """One look for the rules of a Host, with all that was passed over for it."""

    state: State
    client: Pod
    number: int
    host: str

    def __post_init__(self) -> None:
        self.trace: list[Step] = []

    def of_domain(self, patterns: tuple[str, ...], known: Known | None) -> VirtualHost:
        """Returns who owns a domain: routes on its service, the first VirtualService, or the service.

        `patterns` are that domain as VirtualServices write it, where it is no service's.
        """
        rules: tuple[RoutingRule, ...] = ()
        if known is not None and _reads_http(known.port):
            routes, lost = gamma.attached(self.state, known.port, self.client.namespace)
            self.trace += lost
            rules = gateway_route.rules(routes)
        names = patterns if known is None else (*patterns, known.service.host)
        host = names[-1]
        candidates, unseen = virtual_service.visible(self.state, self.client, self.number, *names)
        self.trace += [why for why in unseen if why not in self.trace]
        ordered = [resource for _, resource in sorted(candidates, key=lambda candidate: candidate[0])]
        if known is not None:
            ordered = _most_specific(ordered, known.service.host)
        claims = [
            (resource, own)
            for resource in ordered
            if self._takes(resource, patterns, known) and (own := self._rules(resource))
        ]
        if rules:
            text, first = "{} on the Service comes before VirtualServices", rules[0].origin
            self.trace += [step(each, "spec.hosts", Action.OUTRANKED, text, first) for each, _ in claims]
            return VirtualHost(known.port if known else None, rules, tuple(self.trace), host)
        if not claims:
            alone = known is not None and not known.service.target and _reads_http(known.port)
            return VirtualHost(known.port if known and alone else None, None, tuple(self.trace), host)
        winner, chosen = claims[0]
        for other, _ in claims[1:]:
            text = "{} speaks for {}: it is more specific or older"
            self.trace.append(step(other, "spec.hosts", Action.OUTRANKED, text, winner, self.host))
        text = "speaks for {} on the client's sidecar"
        self.trace.append(step(winner, "spec.hosts", Action.MATCHED, text, self.host))
        return VirtualHost(known.port if known else None, chosen, tuple(self.trace), host)

    def _rules(self, resource: Resource) -> tuple[RoutingRule, ...]:
        """Its rules for this client and port; one without any is as if it weren't there."""
        written, left_out = delegate.rules(self.state, resource, MESH)
        own, lost = applicable(written, self.client, self.number)
        self.trace += [*left_out, *lost]
        return own

    def _takes(self, resource: Resource, patterns: tuple[str, ...], known: Known | None) -> bool:
        """Whether a VirtualService is given a domain: as its service's, or as a host that none has."""
        hosts = virtual_service.hosts(resource)
        if known is not None and any(covers(host, known.service.host) for host in hosts):
            return _reads_http(known.port)
        domain = next((pattern for pattern in patterns if pattern in hosts), "")
        if not domain:
            return False
        reached = explored.of(_reached, self.state, self.client.namespace, self._egress, self.number, hosts)
        if domain in reached.covering:
            text = "{} covers hosts that the sidecar knows on port {}, and so means no others"
            self.trace.append(step(resource, "spec.hosts", Action.UNMATCHED, text, domain, self.number))
            return False
        if not reached.spoken and self.number != 80:
            text = "has no host that the sidecar knows on port {}"
            self.trace.append(step(resource, "spec.hosts", Action.UNMATCHED, text, self.number))
            return False
        return True

    @property
    def _egress(self) -> Egress | None:
        return sidecar_scope.of(self.state, self.client).on_port(self.number)


@dataclass(frozen=True)
class _Reached:
    """What a VirtualService's hosts mean of the services with a port: `spoken`, if one of them speaks HTTP.

    A wildcard that has hosts in common with one of them is `covering`.
    """

    spoken: bool = False
    covering: tuple[str, ...] = ()


@per_key(lambda *key: key)
def _reached(
    state: State, namespace: str, egress: Egress | None, number: int, hosts: tuple[str, ...]
) -> _Reached:
    having = registry.on_port(state, namespace, egress, number) if egress else ()
    met = [
        (host, service.host, port) for service, port in having for host in hosts if _meet(host, service.host)
    ]
    spoken = any(_reads_http(port) for host, name, port in met if covers(host, name))
    return _Reached(spoken, tuple({host: None for host, _, _ in met if host.startswith("*")}))


def _meet(host: str, service: str) -> bool:
    """Whether a VirtualService's host and a service's have hosts in common; a name and a wildcard haven't."""
    if host.startswith("*") and service.startswith("*"):
        return within(host, service) or within(service, host)
    return covers(host, service)


def _reads_http(port: Port) -> bool:
    """Whether HTTP is looked for on a port."""
    return port.protocol not in ("tls", "tcp")


def _most_specific(ordered: list[Resource], host: str) -> list[Resource]:
    """The VirtualServices that may speak for a service: with its name, or else with the nearest wildcard.

    [istio/istio: computeWildcardHostVirtualServiceIndex]
    """
    exact = [resource for resource in ordered if host in virtual_service.hosts(resource)]
    wild = [each for each in ordered if each not in exact and virtual_service.speaks_for(each, host)]

    def nearest(resource: Resource) -> int:
        return max(len(each) for each in virtual_service.hosts(resource) if covers(each, host))

    best = [] if exact or not wild else [max(wild, key=nearest)]
    kept = [*exact, *best]
    return [each for each in ordered if each in kept or each not in wild]
