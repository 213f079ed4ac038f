"""HTTPRoute and GRPCRoute with a Service as parent, as Istio turns them into its own rules.

Istio acts on parents of group "" only, merges all routes of a Service, and orders their matches by
Gateway API's precedence; a missing or unknown backend takes its share as 500s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import gateway_api
from harness.model.istio.route import Destination, Match, Redirect, Rewrite, Rule
from harness.model.kubernetes import CLUSTER_DOMAIN
from harness.model.matching import TextMatch
from harness.model.message import HeaderChanges
from harness.model.objects import not_modelled, reason

if TYPE_CHECKING:
    from harness.model.gateway_api import Backend, Filter, Route
    from harness.model.kubernetes import ServicePort
    from harness.model.state import State
    from harness.traffic.trace import Reason

_RANKS = {"exact": 3, "segments": 2, "prefix": 2, "regex": 1}


def attached(state: State, port: ServicePort, namespace: str) -> tuple[list[Route], list[Reason]]:
    """Returns the routes that this namespace's clients follow to a Service's port, oldest first.

    A route of the Service's own namespace (producer) is for all clients, one of another namespace
    (consumer) for that namespace's, and there instead of producers'. Also returns why
    others that name the Service aren't followed.
    """
    producers: list[Route] = []
    consumers: list[Route] = []
    lost: list[Reason] = []
    stored = [s for kind in ("HTTPRoute", "GRPCRoute") for s in state.stored(gateway_api.GROUP, kind)]
    for one in sorted(stored, key=lambda s: s.age):
        route = gateway_api.parse(one.live)
        if not route.parents:
            if route.resource.namespace == port.service.namespace:
                lost.append(
                    reason(route.resource, "spec.parentRefs", "names no parent: no effect", lost=True)
                )
            continue
        for parent in route.parents:
            why = parent.detached(port.service, port.number, ("",))
            if why:
                lost.append(reason(route.resource, parent.field, why, lost=True))
            elif why is None:
                continue
            elif route.resource.namespace == port.service.namespace:
                producers.append(route)
                break
            elif route.resource.namespace == namespace:
                consumers.append(route)
                break
    return consumers or producers, lost


def rules(routes: list[Route]) -> tuple[Rule, ...]:
    """Returns the rules of a Service's routes in the order in which requests are tried on them.

    Exact paths before prefixes before regexes, then longer, then with method, more headers, more
    query parameters; ties keep the older route's and the earlier rule's place
    [istio/istio: pilot/pkg/config/kube/gateway, sortHTTPRoutes].
    """
    split = [
        replace(rule, matches=(match,))
        for route in routes
        for rule in _converted(route)
        for match in rule.matches
    ]
    return tuple(sorted(split, key=_precedence))


def _precedence(rule: Rule) -> tuple[int, int, bool, int, int]:
    match = rule.matches[0]
    if match.uri is None:
        return (1, 0, match.method is None, -len(match.headers), -len(match.query))
    return (
        -_RANKS[match.uri.kind],
        -len(match.uri.value),
        match.method is None,
        -len(match.headers),
        -len(match.query),
    )


def _converted(route: Route) -> list[Rule]:
    found = []
    for part in route.rules:
        changes = {f.type: f.header_changes for f in part.filters if f.type.endswith("HeaderModifier")}
        redirect = next((f for f in part.filters if f.type == "RequestRedirect"), None)
        _refuse_extensions(route, part.filters)
        # Without retries backendRequest takes the place of the request's own time limit.
        timeout = part.backend_timeout or part.request_timeout
        weighted = any(backend.weight for backend in part.backends)
        found.append(
            Rule(
                route.resource,
                part.field,
                tuple(_match(match) for match in part.matches),
                destinations=tuple(_destination(route, b) for b in part.backends) if weighted else (),
                redirect=_redirect(redirect) if redirect else None,
                direct=None if weighted or redirect else (500, ""),
                rewrite=_rewrite(part.filters),
                timeout=timeout,
                request_headers=changes.get("RequestHeaderModifier", HeaderChanges()),
                response_headers=changes.get("ResponseHeaderModifier", HeaderChanges()),
                mirrors=tuple(
                    f.fields["backendRef"]["name"] for f in part.filters if f.type == "RequestMirror"
                ),
            )
        )
    return found


def _refuse_extensions(route: Route, filters: tuple[Filter, ...]) -> None:
    for one in filters:
        if one.type == "ExtensionRef":
            raise not_modelled(route.resource, one.field, "ExtensionRef means what its extension makes of it")


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
    """A gRPC method as a path [istio/istio: createGRPCURIMatch]."""
    if rpc.service is None and rpc.method is None:
        return None
    if rpc.kind == "Exact" and rpc.service and rpc.method:
        return TextMatch("exact", f"/{rpc.service}/{rpc.method}")
    if rpc.kind == "Exact" and rpc.service:
        return TextMatch("prefix", f"/{rpc.service}/")
    return TextMatch("regex", f"/{rpc.service or '[^/]+'}/{rpc.method or '.+'}")


def _destination(route: Route, backend: Backend) -> Destination:
    if not backend.is_service:
        raise not_modelled(route.resource, backend.field, f"backends of kind {backend.kind}")
    _refuse_extensions(route, backend.filters)
    other = next((f for f in backend.filters if not f.type.endswith("HeaderModifier")), None)
    if other:
        raise not_modelled(route.resource, other.field, f"{other.type} on a single backend")
    changes = {f.type: f.header_changes for f in backend.filters}
    return Destination(
        backend.field,
        f"{backend.name}.{backend.namespace}.svc.{CLUSTER_DOMAIN}",
        weight=backend.weight,
        port=backend.port,
        request_headers=changes.get("RequestHeaderModifier", HeaderChanges()),
        response_headers=changes.get("ResponseHeaderModifier", HeaderChanges()),
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
