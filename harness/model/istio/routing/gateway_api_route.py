"""Routes of the Gateway API as Istio turns them into its own rules, for sidecars and for gateways.

[istio/istio: pilot/pkg/config/kube/gateway/conversion.go]
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.gateway_api import route as gateway_api
from harness.api.headers import HeaderChanges
from harness.api.istio.hosts import covers
from harness.base.kept import per_object
from harness.base.matching import TextMatch
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.istio.routing.cors import Cors
from harness.model.istio.routing.rule import Destination, Match, Mirror, Redirect, Rewrite, Rule
from harness.model.network.reference_grant import permits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.route import Backend, Filter, Route
    from harness.base.resources import Resource
    from harness.model.state.state import State

ROUTED = ("HTTPRoute", "GRPCRoute")
"""The kinds that become HTTP rules; a Service or a listener may have both."""

_RANKS = {"exact": 3, "segments": 2, "prefix": 2, "regex": 1}
_ANY_ORIGIN = r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#]+"
_HEADER_FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier")


def unusable(state: State, route: Route) -> tuple[str, str] | None:
    """Returns the field that Istio can't convert, and why: then the whole route is as if it weren't there."""
    for rule in route.rules:
        for one in rule.filters:
            if one.type == "ExtensionRef":
                return one.field, "Istio knows no extensions"
            if one.type == "RequestMirror" and route.is_grpc and not _mirrors(state, route, one):
                return one.field, "there is no such Service to mirror to"
        for backend in rule.backends:
            if backend.weight and (fault := _unconvertible(backend)):
                return fault
    return None


def _unconvertible(backend: Backend) -> tuple[str, str] | None:
    for one in backend.filters:
        if one.type not in _HEADER_FILTERS:
            return one.field, f"Istio knows no {one.type} of a single backend"
    if backend.is_service and "." in backend.name:
        return f"{backend.field}.name", "isn't a Service's name, but a host name"
    if backend.is_host and backend.names_namespace:
        return f"{backend.field}.namespace", "a Hostname has no namespace"
    if backend.is_host and backend.port is None:
        return backend.field, "a Hostname needs a port"
    return None


def _mirrors(state: State, route: Route, one: Filter) -> bool:
    to = one.fields["backendRef"]
    return state.get("", "Service", to.get("namespace") or route.resource.namespace, to["name"]) is not None


def sidecar_rules(routes: Iterable[Route]) -> tuple[Rule, ...]:
    """Returns the rules of a Service's routes in the order in which requests are tried on them.

    Exact paths before prefixes before regexes, then longer, then with method, more headers, more
    query parameters; ties keep the older route's and the earlier rule's place.
    """
    return _sorted(_converted(route.resource, frozenset()) for route in routes)


def gateway_rules(state: State, routes: Iterable[Route]) -> tuple[Rule, ...]:
    """Returns the rules of routes on a gateway in the same order; there ReferenceGrants are asked for."""
    return _sorted(_converted(route.resource, _forbidden(state, route)) for route in routes)


def sidecar_connection_rule(route: Route, parent: str) -> Rule:
    """Returns the rule of a TLSRoute or TCPRoute on a Service (or ServiceEntry) of this full name.

    Without host names a TLSRoute is for the parent's name alone; of several those count that fit it.
    """
    rule = _connection_rule(route, frozenset())
    if route.resource.kind == "TCPRoute":
        return rule
    names = tuple(name.lower() for name in route.hostnames) or (parent,)
    if len(names) > 1:
        names = tuple(name for name in names if covers(name, parent))
    return replace(rule, matches=(Match("spec.hostnames", sni=names),))


def gateway_connection_rule(state: State, route: Route) -> Rule:
    """Returns the rule of a TLSRoute or TCPRoute on a gateway."""
    return _connection_rule(route, _forbidden(state, route))


def _connection_rule(route: Route, forbidden: frozenset[str]) -> Rule:
    rule = route.rules[0]
    destinations = tuple(_destination(route, one, forbidden) for one in rule.backends if one.weight)
    nowhere = Destination(f"{rule.field}.backendRefs", "", invalid="no backend has a weight above 0")
    return Rule(route.resource, rule.field, destinations=destinations or (nowhere,))


def _sorted(converted: Iterable[tuple[Rule, ...]]) -> tuple[Rule, ...]:
    return tuple(sorted((rule for rules in converted for rule in rules), key=_precedence))


def _forbidden(state: State, route: Route) -> frozenset[str]:
    """The fields of the backends that no ReferenceGrant lets the route refer to."""
    return frozenset(
        backend.field
        for rule in route.rules
        for backend in rule.backends
        if not permits(state, route.resource, backend.kind, backend.namespace, backend.name)
    )


def _precedence(rule: Rule) -> tuple[int, int, bool, int, int]:
    match = rule.matches[0]
    path = (1, 0) if match.uri is None else (-_RANKS[match.uri.kind], -len(match.uri.value))
    return (*path, match.method is None, -len(match.headers), -len(match.query))


@per_object
def _converted(resource: Resource, forbidden: frozenset[str]) -> tuple[Rule, ...]:
    """A rule for each match; the backends of the forbidden fields lead nowhere."""
    route = gateway_api.parse(resource)
    found = []
    for part in route.rules:
        changes = {f.type: f.header_changes for f in part.filters if f.type in _HEADER_FILTERS}
        redirect = next((f for f in part.filters if f.type == "RequestRedirect"), None)
        weighted = any(backend.weight for backend in part.backends)
        rule = Rule(
            route.resource,
            part.field,
            destinations=tuple(_destination(route, b, forbidden) for b in part.backends if b.weight),
            redirect=_redirect(redirect) if redirect else None,
            direct=None if weighted or redirect else (500, ""),
            rewrite=_rewrite(part.filters),
            # Without retries backendRequest takes the place of the request's own time limit.
            timeout=part.backend_timeout or part.request_timeout,
            request_headers=changes.get("RequestHeaderModifier", HeaderChanges()),
            response_headers=changes.get("ResponseHeaderModifier", HeaderChanges()),
            mirrors=tuple(_mirror(route, f) for f in part.filters if f.type == "RequestMirror"),
            cors=next((_cors(f) for f in part.filters if f.type == "CORS"), None),
        )
        found += [replace(rule, matches=(_match(match),)) for match in part.matches]
    return tuple(found)


def _match(match: gateway_api.Match) -> Match:
    return Match(
        match.field,
        uri=_rpc_path(match.rpc) if match.rpc else _path(match.path),
        headers=match.headers,
        query=match.query,
        method=TextMatch("exact", match.method) if match.method else None,
    )


def _path(path: TextMatch | None) -> TextMatch | None:
    if path and path.kind == "segments" and path.value != "/":
        return TextMatch("segments", path.value.removesuffix("/"))
    return path


def _rpc_path(rpc: gateway_api.Rpc) -> TextMatch | None:
    """A gRPC method as a path."""
    if rpc.service is None and rpc.method is None:
        return None
    if rpc.kind == "Exact" and rpc.service and rpc.method:
        return TextMatch("exact", f"/{rpc.service}/{rpc.method}")
    if rpc.kind == "Exact" and rpc.service:
        return TextMatch("prefix", f"/{rpc.service}/")
    return TextMatch("regex", f"/{rpc.service or '[^/]+'}/{rpc.method or '.+'}")


def _destination(route: Route, backend: Backend, forbidden: frozenset[str]) -> Destination:
    changes = {f.type: f.header_changes for f in backend.filters}
    host, invalid = f"{backend.name}.{backend.namespace}.svc.{CLUSTER_DOMAIN}", ""
    if backend.is_host:
        host = backend.name
    elif not backend.is_service:
        invalid = f"Istio knows no backends of kind {backend.kind}"
    if backend.field in forbidden:
        invalid = f"no ReferenceGrant in {backend.namespace} is for a {route.resource.kind} of this namespace"
    return Destination(
        backend.field,
        host,
        weight=backend.weight,
        port=backend.port,
        request_headers=changes.get("RequestHeaderModifier", HeaderChanges()),
        response_headers=changes.get("ResponseHeaderModifier", HeaderChanges()),
        invalid=invalid,
    )


def _redirect(one: Filter) -> Redirect:
    fields, path = one.fields, one.fields.get("path") or {}
    return Redirect(
        status=fields.get("statusCode") or 302,
        path=path.get("replaceFullPath"),
        prefix=path.get("replacePrefixMatch"),
        authority=fields.get("hostname"),
        scheme=fields.get("scheme"),
        port=fields.get("port"),
        keep_port="scheme" not in fields,
    )


def _rewrite(filters: tuple[Filter, ...]) -> Rewrite:
    fields = next((f.fields for f in filters if f.type == "URLRewrite"), {})
    path, authority = fields.get("path") or {}, fields.get("hostname") or ""
    if path.get("type") == "ReplaceFullPath":
        return Rewrite("path", path["replaceFullPath"], authority=authority)
    if path.get("type") == "ReplacePrefixMatch":
        return Rewrite("segments", path["replacePrefixMatch"], authority=authority)
    return Rewrite(authority=authority)


def _mirror(route: Route, one: Filter) -> Mirror:
    """Where a copy goes, and of which share of requests."""
    fraction = one.fields.get("fraction") or {"numerator": one.fields.get("percent", 100)}
    to = one.fields["backendRef"]
    host = f"{to['name']}.{to.get('namespace') or route.resource.namespace}.svc.{CLUSTER_DOMAIN}"
    percent = 100 * fraction["numerator"] / fraction.get("denominator", 100)
    return Mirror(Destination(f"{one.field}.requestMirror", host, port=to.get("port")), percent)


def _cors(one: Filter) -> Cors:
    fields = one.fields
    return Cors(
        origins=tuple(_origin(text) for text in fields.get("allowOrigins") or ()),
        methods=tuple(fields.get("allowMethods") or ()),
        headers=tuple(fields.get("allowHeaders") or ()),
        exposed=tuple(fields.get("exposeHeaders") or ()),
        max_age=str(fields.get("maxAge", 5)),
        credentials=bool(fields.get("allowCredentials")),
        forwards=False,
    )


def _origin(text: str) -> TextMatch:
    """An origin with asterisks; alone it stands for every origin that is one, at the end for any rest."""
    if text == "*":
        return TextMatch("regex", _ANY_ORIGIN)
    if "*" not in text:
        return TextMatch("exact", text)
    if text.count("*") == 1 and text.endswith("*"):
        return TextMatch("prefix", text[:-1])
    return TextMatch("regex", ".*".join(re.escape(part) for part in text.split("*")))
