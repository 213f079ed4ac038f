"""Who calls whom across namespaces: as configured, as routed, and as allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.route.condition import MESH, gateway_name
from harness.api.objects import spec_of
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.calls import calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.discover.movable import Places
    from harness.analysis.translate.estate import Estate, Host
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
    known = (*configured, *_by_gateways(places), *_routed(places, configured))
    pairs = {(call.source, call.target) for call in known}
    allowed = (call for call in _allowed(places) if (call.source, call.target) not in pairs)
    found: dict[tuple[str, str], Call] = {}
    for call in (*known, *allowed):
        if call.source != call.target:
            found.setdefault((call.caller, call.server), call)
    return tuple(sorted(found.values(), key=_order))


def _order(call: Call) -> tuple[str, ...]:
    return (call.source, call.target, call.caller, call.server)


def _configured(places: Places) -> Iterator[Call]:
    for call in calls(places.state):
        source, target = places.of_workload(call.caller), places.of_service(call.service)
        if source and target:
            server = f"{call.service.namespace}/{call.service.name}"
            yield Call(source, target, str(call.caller), server, call.workload, call.field)


def _by_gateways(places: Places) -> Iterator[Call]:
    """The calls of gateways to the destinations of the VirtualServices bound to them."""
    for resource in places.virtual_services.values():
        for name in _bound(resource):
            for gateway in places.gateways_of(name) if name != MESH else ():
                for host, field in _destinations(places, resource):
                    yield from _to(places, gateway, gateway, host, resource, field)


def _routed(places: Places, known: Iterable[Call]) -> Iterator[Call]:
    """The calls of the mesh that VirtualServices lead to other places than those that were meant."""
    callers: dict[str, dict[str, str]] = {}
    for call in known:
        callers.setdefault(call.server, {})[call.caller] = call.source
    for resource in places.virtual_services.values():
        if MESH not in _bound(resource):
            continue
        calling: dict[str, str] = {}
        for name in spec_of(resource).get("hosts") or ():
            host = places.estate.host(name, resource.namespace)
            calling |= callers.get("/".join(host.key), {}) if host.inside else {}
        calling = calling or {resource.namespace: resource.namespace}
        for host, field in _destinations(places, resource):
            for caller, place in calling.items():
                yield from _to(places, place, caller, host, resource, field)


def _to(
    places: Places, source: str, caller: str, host: Host, resource: Resource, field: str
) -> Iterator[Call]:
    if not host.inside:
        return
    namespace, name = host.key
    target = places.of_service(host.service) if host.service else places.of_namespace(namespace)
    if target and places.moves(source):
        yield Call(source, target, caller, f"{namespace}/{name}", resource, field)


def _bound(resource: Resource) -> tuple[str, ...]:
    names = spec_of(resource).get("gateways") or (MESH,)
    return tuple(gateway_name(name, resource.namespace) for name in names)


def _destinations(places: Places, resource: Resource) -> Iterator[tuple[Host, str]]:
    """The hosts that a VirtualService sends requests (or copies of them) to, those of its delegates, too."""
    spec = spec_of(resource)
    for kind in ("http", "tls", "tcp"):
        for index, rule in enumerate(spec.get(kind) or ()):
            at = f"spec.{kind}[{index}]"
            for part in ("route", "mirrors"):
                for i, one in enumerate(rule.get(part) or ()):
                    field = f"{at}.{part}[{i}].destination.host"
                    yield from _host(places.estate, one.get("destination"), resource, field)
            yield from _host(places.estate, rule.get("mirror"), resource, f"{at}.mirror.host")
            delegate = rule.get("delegate")
            if delegate and spec.get("hosts"):  # a delegate has none itself
                found = places.virtual_services.get(
                    (delegate.get("namespace") or resource.namespace, delegate.get("name") or "")
                )
                if found:
                    yield from _destinations(places, found)


def _host(
    estate: Estate, destination: Mapping[str, Any] | None, resource: Resource, field: str
) -> Iterator[tuple[Host, str]]:
    if destination and destination.get("host"):
        yield estate.host(destination["host"], resource.namespace), field


def _allowed(places: Places) -> Iterator[Call]:
    """The calls that AuthorizationPolicies let in by principal, service account or namespace."""
    for resource in places.estate.all(_SECURITY, "AuthorizationPolicy"):
        spec = spec_of(resource)
        target = places.of_namespace(resource.namespace)
        if spec.get("action", "ALLOW") != "ALLOW" or not target or resource.namespace == ROOT_NAMESPACE:
            continue
        for index, rule in enumerate(spec.get("rules") or ()):
            for i, part in enumerate(rule.get("from") or ()):
                for key, number, who in _named(part.get("source") or {}, resource.namespace):
                    source = places.of_account(*who)
                    field = f"spec.rules[{index}].from[{i}].source.{key}[{number}]"
                    if source:
                        yield Call(source, target, "/".join(filter(None, who)), target, resource, field)


def _named(source: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, int, tuple[str, str]]]:
    """Namespaces and service accounts that a source names: its field, the place in it, and who it is."""
    for number, text in enumerate(source.get("principals") or ()):
        parts = text.split("/")  # trust domain, ns, NAMESPACE, sa, ACCOUNT
        if len(parts) == 5 and parts[1] == "ns" and "*" not in parts[2]:
            yield "principals", number, (parts[2], "" if "*" in parts[4] else parts[4])
    for number, text in enumerate(source.get("serviceAccounts") or ()):
        owner, slash, account = text.rpartition("/")
        yield "serviceAccounts", number, (owner if slash else namespace, account)
    for number, text in enumerate(source.get("namespaces") or ()):
        if "*" not in text:
            yield "namespaces", number, (text, "")
