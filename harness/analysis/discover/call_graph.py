"""Who calls whom across namespaces: as configured, as routed, and as allowed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH
from harness.api.istio.http_rule import HTTPRule
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.istio.virtual_service import VirtualService
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.calls import calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.discover.movable import Places
    from harness.api.istio.destination import Destination
    from harness.api.istio.security.authorization_policy import Source
    from harness.base.resources import Resource

_NETWORKING, _SECURITY = "networking.istio.io", "security.istio.io"


@dataclass(frozen=True)
class Call:
    """A call from one place (a namespace, or a gateway) to another, and the field that tells of it.

    `caller` and `server` are a workload and a Service (`namespace/name`), or a place where no more is known.
    """

    source: str
    target: str
    caller: str
    server: str
    resource: Resource
    field: str

    def __str__(self) -> str:
        return f"{self.caller} to {self.server}"


def call_graph(places: Places) -> tuple[Call, ...]:
    """Returns the calls between places that are in a mesh, each caller and Service once, in stable order.

    They are those of workloads' own configuration; those that VirtualServices lead on to their destinations
    (of whoever calls their hosts, of their gateways, or, where nobody is known to call, of their namespace);
    and those that AuthorizationPolicies allow by name between places of which no other call is known.
    """
    configured = tuple(_configured(places))
    certain = (*configured, *_by_gateways(places), *_routed(places, configured))
    pairs = {(call.source, call.target) for call in certain}
    allowed = (call for call in _allowed(places) if (call.source, call.target) not in pairs)
    first: dict[tuple[str, str], Call] = {}
    for call in (*certain, *allowed):
        if call.source != call.target:
            first.setdefault((call.caller, call.server), call)
    return tuple(sorted(first.values(), key=attrgetter("source", "target", "caller", "server")))


def _configured(places: Places) -> Iterator[Call]:
    for call in calls(places.state):
        source, target = places.of_workload(call.caller), places.of_service(call.service)
        if source and target:
            server = f"{call.service.namespace}/{call.service.name}"
            yield Call(source, target, str(call.caller), server, call.workload, call.field)


def _by_gateways(places: Places) -> Iterator[Call]:
    """The calls of gateways to the destinations of the VirtualServices bound to them."""
    for resource in places.estate.virtual_services.values():
        reading = VirtualService.of(resource)
        for name in reading.bound:
            for gateway in places.gateways_of(name) if name != MESH else ():
                for destination in _destinations(places, reading):
                    yield from _to(places, gateway, gateway, destination)


def _routed(places: Places, configured: Iterable[Call]) -> Iterator[Call]:
    """The calls of the mesh that VirtualServices lead to other places than those that were meant."""
    callers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for call in configured:
        callers[call.server][call.caller] = call.source
    for resource in places.estate.virtual_services.values():
        reading = VirtualService.of(resource)
        if MESH not in reading.bound:
            continue
        calling: dict[str, str] = {}
        for name in reading.hosts:
            host = places.estate.host(name, resource.namespace)
            calling |= callers["/".join(host.key)] if host.inside else {}
        for destination in _destinations(places, reading):
            for caller, place in (calling or {resource.namespace: resource.namespace}).items():
                yield from _to(places, place, caller, destination)


def _to(places: Places, source: str, caller: str, destination: Destination) -> Iterator[Call]:
    host = places.estate.host(destination.host, destination.resource.namespace)
    if not host.inside:
        return
    namespace, name = host.key
    target = places.of_service(host.service) if host.service else places.of_namespace(namespace)
    if target and source in places.meshes:
        field = destination.at("host")
        yield Call(source, target, caller, f"{namespace}/{name}", destination.resource, field)


def _destinations(places: Places, reading: VirtualService) -> Iterator[Destination]:
    """Where a VirtualService sends requests (or copies of them), and where its delegates do."""
    for rule in reading.rules:
        yield from (part.destination for part in rule.route if part.destination.host)
        if isinstance(rule, HTTPRule):
            yield from (copied for copied, _, _ in rule.copies if copied.host)
            delegate = places.estate.virtual_services.get(rule.delegate.key) if rule.delegate else None
            if delegate and not reading.is_delegate:
                yield from _destinations(places, VirtualService.of(delegate))


def _allowed(places: Places) -> Iterator[Call]:
    """The calls that AuthorizationPolicies let in by principal, service account or namespace."""
    for resource in places.estate.all(_SECURITY, "AuthorizationPolicy"):
        policy = AuthorizationPolicy.of(resource)
        target = places.of_namespace(resource.namespace)
        if policy.action != "ALLOW" or not target or resource.namespace == ROOT_NAMESPACE:
            continue
        for source in (part.source for rule in policy.rules for part in rule.sources):
            for field, who in _named(source):
                caller = places.of_account(*who)
                if caller:
                    yield Call(caller, target, "/".join(filter(None, who)), target, resource, field)


def _named(source: Source) -> Iterator[tuple[str, tuple[str, str]]]:
    """Namespaces and service accounts that a source names: the field, and who it is."""
    for number, text in enumerate(source.principals):
        parts = text.split("/")  # trust domain, ns, NAMESPACE, sa, ACCOUNT
        if len(parts) == 5 and parts[1] == "ns" and "*" not in parts[2]:
            account = "" if "*" in parts[4] else parts[4]
            yield f"{source.at('principals')}[{number}]", (parts[2], account)
    for number, text in enumerate(source.service_accounts):
        owner, slash, account = text.rpartition("/")
        namespace = owner if slash else source.resource.namespace
        yield f"{source.at('serviceAccounts')}[{number}]", (namespace, account)
    for number, text in enumerate(source.namespaces):
        if "*" not in text:
            yield f"{source.at('namespaces')}[{number}]", (text, "")
