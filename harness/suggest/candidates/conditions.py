"""What a configuration asks of a request: the conditions that tell one request from another."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route, RouteRule, Rpc
from harness.api.istio.security.authorization_policy import AuthorizationPolicy, path_condition, wildcard
from harness.api.istio.virtual_service import VirtualService
from harness.api.linkerd.service_profile import ServiceProfile
from harness.base import expressions
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch
from harness.base.resources import per_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.istio.http_rule import HTTPMatchRequest, HTTPRule
    from harness.api.istio.security.authorization_policy import AuthorizationRule
    from harness.api.linkerd.service_profile import RequestCondition
    from harness.base.resources import Resource

Named = tuple[str, TextMatch]


@dataclass(frozen=True)
class Conditions:
    """Conditions on the parts of a request; `rewrites` are path prefixes and what replaces them.

    `names` are those that TLS asks for.
    """

    paths: frozenset[TextMatch] = frozenset()
    methods: frozenset[TextMatch] = frozenset()
    hosts: frozenset[TextMatch] = frozenset()
    headers: frozenset[Named] = frozenset()
    query: frozenset[Named] = frozenset()
    rewrites: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[TextMatch] = frozenset()

    def __or__(self, other: Conditions) -> Conditions:
        """Both configurations' conditions."""
        return Conditions(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))


def joined(every: Iterable[Conditions]) -> Conditions:
    """Returns the conditions of all."""
    return reduce(or_, every, Conditions())


@per_object
def of(resource: Resource) -> Conditions:
    """Returns the conditions that a route or policy of either mesh puts on requests."""
    match resource.kind:
        case "VirtualService":
            return _virtual_service(VirtualService.of(resource))
        case "HTTPRoute" | "GRPCRoute":
            return _route(Route.kept(resource))
        case "ServiceProfile":
            return joined(_profile(route.condition) for route in ServiceProfile.of(resource).routes)
        case "AuthorizationPolicy" if resource.group == "security.istio.io":
            return joined(map(_policy, AuthorizationPolicy.of(resource).rules))
        case _:
            return Conditions()


def probed(paths: Iterable[str]) -> Conditions:
    """Returns the conditions of the kubelet's probes: Linkerd treats GETs of their paths apart."""
    exact = frozenset(TextMatch("exact", path) for path in paths)
    return Conditions(exact, frozenset([TextMatch("exact", "GET")]) if exact else frozenset())


def hosts(route: Resource) -> Conditions:
    """Returns the conditions of a route on a gateway's host names."""
    hosts = VirtualService.of(route).hosts if route.kind == "VirtualService" else ()
    return Conditions(hosts=frozenset(map(wildcard, hosts)))


def _virtual_service(reading: VirtualService) -> Conditions:
    matches = (match for rule in reading.tls for match in rule.matches)
    names = frozenset(wildcard(name.lower()) for match in matches for name in match.sni_hosts)
    return joined(map(_http, reading.http)) | Conditions(names=names)


def _http(rule: HTTPRule) -> Conditions:
    """One HTTP rule of a VirtualService."""
    target = rule.rewrite.uri
    prefixes = (match.uri.prefix for match in rule.matches if match.uri.prefix)
    return joined(map(_match, rule.matches)) | Conditions(
        rewrites=frozenset((prefix, target) for prefix in prefixes if target)
    )


def _match(match: HTTPMatchRequest) -> Conditions:
    headers = (*match.header_conditions, *match.header_exceptions)
    return Conditions(
        _single(match.uri_condition),
        _single(match.method.condition()),
        _single(match.authority.condition()),
        frozenset((name.lower(), wanted) for name, wanted in headers),
        frozenset(match.query_conditions),
    )


def _single(condition: TextMatch | None) -> frozenset[TextMatch]:
    return frozenset([condition] if condition else ())


def _route(route: Route) -> Conditions:
    matches = [match for rule in route.rules for match in rule.matches]
    paths = {path for match in matches if match.path_match for path in _readings(match.path_match)}
    return Conditions(
        frozenset(paths | {rpc for match in matches if match.rpc for rpc in _rpc(match.rpc)}),
        frozenset(TextMatch("exact", match.method) for match in matches if match.method),
        frozenset(wildcard(host) for host in route.hostnames),
        frozenset(_named((name.lower(), wanted) for match in matches for name, wanted in match.headers)),
        frozenset(_named(pair for match in matches for pair in match.query)),
        frozenset(rewrite for rule in route.rules for rewrite in _rewrites(rule)),
    )


def _readings(wanted: TextMatch) -> set[TextMatch]:
    """A route's condition as both meshes read it."""
    return {wanted.read_as(dialect) for dialect in (Dialect.RE2, Dialect.RUST)}


def _named(wanted: Iterable[Named]) -> Iterator[Named]:
    for name, text in wanted:
        yield from ((name, reading) for reading in _readings(text))


def _rpc(rpc: Rpc) -> Iterator[TextMatch]:
    """A gRPC call is a path, /Service/Method."""
    if not rpc.is_regex and rpc.service and rpc.method:
        yield TextMatch("exact", f"/{rpc.service}/{rpc.method}")
    elif rpc.service or rpc.method:
        quote = str if rpc.is_regex else expressions.quoted
        service, method = (quote(part) if part else "[^/]+" for part in (rpc.service, rpc.method))
        yield TextMatch("regex", f"/{service}/{method}")


def _rewrites(rule: RouteRule) -> Iterator[tuple[str, str]]:
    for part in rule.filters:
        target = part.rewrite.path_modifier.prefix if part.type == "URLRewrite" else None
        if target is not None:
            yield from ((match.path_match.value, target) for match in rule.matches if match.path_match)


def _profile(part: RequestCondition) -> Conditions:
    """A condition of a ServiceProfile's route, which may hold others."""
    inner = [*part.all, *part.any, *([part.negated] if part.negated else [])]
    return joined(map(_profile, inner)) | Conditions(
        frozenset([TextMatch("regex", part.path_regex, dialect=Dialect.PROFILE)] if part.path_regex else []),
        frozenset([TextMatch("exact", part.method)] if part.method else []),
    )


def _policy(rule: AuthorizationRule) -> Conditions:
    """One rule of Istio's AuthorizationPolicy."""

    def values(key: str) -> list[str]:
        return [value for attribute in rule.attributes if attribute.key == key for value in attribute.every]

    headers = (
        (attribute.key[len("request.headers[") : -1].lower(), wildcard(value))
        for attribute in rule.attributes
        if attribute.key.startswith("request.headers[")
        for value in attribute.every
    )
    return Conditions(
        frozenset(map(path_condition, values("request.path"))),
        frozenset(map(wildcard, values("request.method"))),
        frozenset(wildcard(host.lower()) for host in values("request.host")),
        frozenset(headers),
        names=frozenset(map(wildcard, values("connection.sni"))),
    )
