"""Routes of the Gateway API as Istio turns them into its own rules, for sidecars and for gateways.

[istio/istio: pilot/pkg/config/kube/gateway/conversion.go]
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route
from harness.api.headers import UNCHANGED, HeaderChanges
from harness.api.istio.formats import VARIABLE, variables, written
from harness.api.istio.hosts import covers
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.matching import TextMatch
from harness.base.resources import per_object
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.istio.gateway.listener import permits
from harness.model.istio.routing.rewriting import Cors
from harness.model.istio.routing.rule import (
    Mirror,
    Redirect,
    Rewrite,
    RoutingDestination,
    RoutingMatch,
    RoutingRule,
)
from harness.model.istio.upstream.retries import CONDITIONS, DEFAULT, Retries
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.filters import CORSFilter, RequestRedirect, RouteFilter, URLRewrite
    from harness.api.gateway_api.reference import TargetRef
    from harness.api.gateway_api.route import BackendRef, RouteMatch, RouteRetry, RouteRule, Rpc
    from harness.base.resources import Resource
    from harness.model.state import State

ROUTED = ("HTTPRoute", "GRPCRoute")
"""The kinds that become HTTP rules; a Service or a listener may have both."""

_RANKS = {"exact": 3, "segments": 2, "prefix": 2, "regex": 1}
_ANY_ORIGIN = r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s?#]+"
_HEADER_FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier")


def unusable(state: State, route: Route) -> tuple[str, str] | None:
    """Returns the field that Istio can't convert, and why: then the whole route is as if it weren't there."""
    if not route.rules:
        return "spec.rules", "there are none"
    for rule in route.rules:
        for part in rule.filters:
            if part.type == "ExtensionRef":
                return part.path, "Istio knows no extensions"
            if part.type == "RequestMirror" and route.is_grpc:
                to = part.mirror.to
                if state.get("", "Service", to.namespace, to.name) is None:
                    return part.path, "there is no such Service to mirror to"
        for backend in rule.backends:
            if backend.weight and (fault := _unconvertible(backend)):
                return fault
    return None


def _unconvertible(backend: BackendRef) -> tuple[str, str] | None:
    for part in backend.filters:
        if part.type not in _HEADER_FILTERS:
            return part.path, f"Istio knows no {part.type} of a single backend"
    if backend.is_service and "." in backend.name:
        return f"{backend.path}.name", "isn't a Service's name, but a host name"
    if backend.is_host and backend.written_namespace:
        return f"{backend.path}.namespace", "a Hostname has no namespace"
    if backend.is_host and backend.port is None:
        return backend.path, "a Hostname needs a port"
    return None


def rules(routes: Iterable[Route], state: State | None = None) -> tuple[RoutingRule, ...]:
    """Returns the rules of routes on one Service, or gateway, in the order in which requests try them.

    Exact paths before prefixes before regexes, then longer, then with method, more headers, more
    query parameters; ties keep the older route's and the earlier rule's place. On a gateway the `state` is
    asked for ReferenceGrants.
    """
    converted = (_converted(route.resource, _forbidden(state, route)) for route in routes)
    return tuple(sorted(chain.from_iterable(converted), key=_precedence))


def sidecar_connection_rule(route: Route, parent: str) -> RoutingRule:
    """Returns the rule of a TLSRoute or TCPRoute on a Service (or ServiceEntry) of this full name.

    Without host names a TLSRoute is for the parent's name alone; of several those count that fit it.
    """
    rule = connection_rule(route)
    if route.resource.kind == "TCPRoute":
        return rule
    names = tuple(name.lower() for name in route.hostnames) or (parent,)
    if len(names) > 1:
        names = tuple(name for name in names if covers(name, parent))
    return replace(rule, matches=(RoutingMatch("spec.hostnames", sni=names),))


def connection_rule(route: Route, state: State | None = None) -> RoutingRule:
    """Returns the rule of a TLSRoute or TCPRoute; on a gateway the `state` is asked for ReferenceGrants."""
    rule, forbidden = route.rules[0], _forbidden(state, route)
    destinations = tuple(_destination(route, b, forbidden) for b in rule.backends if b.weight)
    nowhere = RoutingDestination(f"{rule.path}.backendRefs", "", invalid="no backend has a weight above 0")
    return RoutingRule(route.resource, rule.path, destinations=destinations or (nowhere,))


def _forbidden(state: State | None, route: Route) -> frozenset[str]:
    """The fields of the backends that no ReferenceGrant lets the route refer to."""
    return frozenset(
        backend.path
        for rule in (route.rules if state else ())
        for backend in rule.backends
        if state and not permits(state, route.resource, backend.kind, backend.namespace, backend.name)
    )


def _precedence(rule: RoutingRule) -> tuple[int, int, bool, int, int]:
    match = rule.matches[0]
    path = (1, 0) if match.uri is None else (-_RANKS[match.uri.kind], -len(match.uri.value))
    return (*path, match.method is None, -len(match.headers), -len(match.query))


def _unread(part: RouteRule) -> tuple[Step, ...]:
    """What Istio takes of a rule and doesn't do."""
    if part.session is None:
        return ()
    text = "isn't read by Istio: requests aren't kept on a pod"
    return (step(part.resource, part.session.path, Action.IGNORED, text),)


@per_object
def _converted(resource: Resource, forbidden: frozenset[str]) -> tuple[RoutingRule, ...]:
    """A rule for each match; the backends of the forbidden fields lead nowhere."""
    route = Route.kept(resource)
    rules = []
    for part in route.rules:
        by_type = {each.type: each for each in reversed(part.filters)}
        redirect, rewrite, cors = map(by_type.get, ("RequestRedirect", "URLRewrite", "CORS"))
        mirrors = (each.mirror for each in part.filters if each.type == "RequestMirror")
        weighted = any(backend.weight for backend in part.backends)
        rule = RoutingRule(
            route.resource,
            part.path,
            destinations=tuple(_destination(route, b, forbidden) for b in part.backends if b.weight),
            redirect=_redirect(redirect.redirect) if redirect else None,
            direct=None if weighted or redirect else (500, ""),
            rewrite=_rewrite(rewrite.rewrite) if rewrite else Rewrite(),
            # Without retries backendRequest takes the place of the request's own time limit.
            via=_unread(part),
            timeout=part.request_timeout if part.retry else part.backend_timeout or part.request_timeout,
            retries=_retries(part.retry, part.backend_timeout) if part.retry else DEFAULT,
            request_headers=_header_changes(part.filters, "RequestHeaderModifier"),
            response_headers=_header_changes(part.filters, "ResponseHeaderModifier"),
            mirrors=tuple(
                Mirror(RoutingDestination(each.path, _host(each.to), port=each.to.port), each.percent)
                for each in mirrors
            ),
            cors=_cors(cors.cors) if cors else None,
        )
        rules += [replace(rule, matches=(_match(route, match),)) for match in part.matches]
    return tuple(rules)


def _retries(part: RouteRetry, per_try: float | None) -> Retries:
    codes = (str(code) for code in part.codes)
    return Retries(part.attempts, (*CONDITIONS, *codes), per_try or None)


def _match(route: Route, match: RouteMatch) -> RoutingMatch:
    uri = _rpc_path(match.rpc) if match.rpc else _path(match.path_match)
    called = ((match.at("method"), uri),) if match.rpc and uri and uri.kind == "regex" else ()
    for field, text in (*match.expressions, *called):
        if fault := expressions.fault(text.value, text.dialect):
            raise not_modelled(route.resource, field, f"Envoy doesn't take {text}: {fault.why}")
    return RoutingMatch(
        match.path,
        uri=uri,
        headers=match.headers,
        query=match.query,
        method=TextMatch("exact", match.method) if match.method else None,
    )


def _path(path: TextMatch | None) -> TextMatch | None:
    if path and path.kind == "segments" and path.value != "/":
        return TextMatch("segments", path.value.removesuffix("/"))
    return path


def _rpc_path(rpc: Rpc) -> TextMatch | None:
    """A gRPC method as a path."""
    if rpc.service is None and rpc.method is None:
        return None
    if not rpc.is_regex and rpc.service and rpc.method:
        return TextMatch("exact", f"/{rpc.service}/{rpc.method}")
    if not rpc.is_regex and rpc.service:
        return TextMatch("prefix", f"/{rpc.service}/")
    return TextMatch("regex", f"/{rpc.service or '[^/]+'}/{rpc.method or '.+'}")


def _destination(route: Route, backend: BackendRef, forbidden: frozenset[str]) -> RoutingDestination:
    invalid = ""
    if not (backend.is_host or backend.is_service):
        invalid = f"Istio knows no backends of kind {backend.kind}"
    if backend.path in forbidden:
        invalid = f"no ReferenceGrant in {backend.namespace} is for a {route.resource.kind} of this namespace"
    return RoutingDestination(
        backend.path,
        backend.name if backend.is_host else _host(backend),
        weight=backend.weight,
        port=backend.port,
        request_headers=_header_changes(backend.filters, "RequestHeaderModifier"),
        response_headers=_header_changes(backend.filters, "ResponseHeaderModifier"),
        invalid=invalid,
    )


def _host(to: TargetRef) -> str:
    return f"{to.name}.{to.namespace}.svc.{CLUSTER_DOMAIN}"


def _header_changes(filters: tuple[RouteFilter, ...], kind: str) -> HeaderChanges:
    chosen = next((each for each in reversed(filters) if each.type == kind), None)
    if chosen is None:
        return UNCHANGED
    if name := next(variables(chosen.header_changes), None):
        raise not_modelled(chosen.resource, chosen.path, f"{name}: {VARIABLE}")
    return written(chosen.header_changes)


def _redirect(to: RequestRedirect) -> Redirect:
    return Redirect(
        status=to.status,
        path=to.path_modifier.full,
        prefix=to.path_modifier.prefix,
        authority=to.hostname,
        scheme=to.scheme,
        port=to.port,
        keep_port=to.scheme is None,
    )


def _rewrite(rewrite: URLRewrite) -> Rewrite:
    path = rewrite.path_modifier
    if path.full is not None:
        return Rewrite("path", path.full, authority=rewrite.hostname)
    if path.prefix is not None:
        return Rewrite("segments", path.prefix, authority=rewrite.hostname)
    return Rewrite(authority=rewrite.hostname)


def _cors(cors: CORSFilter) -> Cors:
    return Cors(
        origins=tuple(map(_origin, cors.origins)),
        methods=cors.methods,
        headers=cors.headers,
        exposed=cors.exposed,
        max_age=str(cors.max_age),
        credentials=cors.credentials,
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
    return TextMatch("regex", ".*".join(expressions.quoted(part) for part in text.split("*")))
