"""VirtualService: its hosts, gateways and rules, in the form that proxies follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.headers import UNCHANGED
from harness.api.istio.destination import weighted
from harness.api.istio.formats import written
from harness.api.istio.hosts import MESH, covers, visibility
from harness.api.istio.virtual_service import VirtualService
from harness.base.resources import per_object
from harness.model.istio import mesh_config, revision
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.routing.rewriting import Cors
from harness.model.istio.routing.rule import (
    Mirror,
    Redirect,
    Rewrite,
    RoutingDestination,
    RoutingMatch,
    RoutingRule,
)
from harness.model.istio.upstream.retries import (
    Retries,
)
from harness.model.state.tables import HostTable, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.istio.destination import Destination, Headers, RouteDestination
    from harness.api.istio.http_rule import (
        CorsPolicy,
        HTTPMatchRequest,
        HTTPRedirect,
        HTTPRetry,
        HTTPRewrite,
        HTTPRule,
    )
    from harness.api.istio.virtual_service import ConnectionMatch, ConnectionRule
    from harness.base.resources import Resource
    from harness.model.state import Pod, State


@per_object
def gateways(resource: Resource) -> tuple[str, ...]:
    """Returns the gateways it is bound to, as `namespace/name` or `mesh` (also if it names none)."""
    return VirtualService.of(resource).bound


@per_object
def hosts(resource: Resource) -> tuple[str, ...]:
    """Returns its hosts in full."""
    return VirtualService.of(resource).full_hosts


def speaks_for(resource: Resource, *names: str) -> bool:
    """Returns whether one of its hosts covers one of these."""
    return any(covers(pattern, name) for pattern in hosts(resource) for name in names)


@per_object
def delegates(resource: Resource) -> bool:
    """Returns whether it leaves rules to others."""
    return any(rule.delegate for rule in VirtualService.of(resource).http)


@per_state
def by_host(state: State) -> HostTable[Resource]:
    """Returns all VirtualServices by their hosts, older first."""
    every = revision.acting(state, *VirtualService.KIND)
    return HostTable((host, resource) for resource in every for host in hosts(resource))


@per_state
def patterns(state: State) -> HostTable[tuple[str, Resource]]:
    """Returns each host of all VirtualServices with its object, by the hosts."""
    every = revision.acting(state, *VirtualService.KIND)
    return HostTable((host, (host, resource)) for resource in every for host in hosts(resource))


@per_object
def rules(resource: Resource, gateway: str) -> tuple[RoutingRule, ...]:
    """Returns its own HTTP rules for the sidecars (`mesh`) or for a gateway; `delegate.rules` returns all."""
    own = (part for part in VirtualService.of(resource).http if not part.delegate)
    return tuple(made for part in own if (made := rule(part, gateway)))


def rule(part: HTTPRule, gateway: str) -> RoutingRule | None:
    """Returns one entry of `http` as a rule; None if none of its matches is for the gateway."""
    matches = tuple(map(_match, part.matches))
    bound = tuple(match for match in matches if not match.gateways or gateway in match.gateways)
    return _rule(part, bound) if bound or not matches else None


@per_object
def tls_rules(resource: Resource) -> tuple[RoutingRule, ...]:
    """Returns its rules for TLS that is passed on, by the name that it asks for."""
    return tuple(map(_connection_rule, VirtualService.of(resource).tls))


@per_object
def tcp_rules(resource: Resource) -> tuple[RoutingRule, ...]:
    """Returns its rules for connections of which only the address is known."""
    return tuple(map(_connection_rule, VirtualService.of(resource).tcp))


def _connection_rule(part: ConnectionRule) -> RoutingRule:
    matches = tuple(map(_connection_match, part.matches))
    return RoutingRule(part.resource, part.path, matches, _destinations(part.route))


def _connection_match(part: ConnectionMatch) -> RoutingMatch:
    return RoutingMatch(
        part.path,
        port=part.port,
        source_labels=part.source_labels,
        source_namespace=part.source_namespace,
        gateways=part.bound,
        sni=tuple(host.lower() for host in part.sni_hosts),
        subnets=part.destination_subnets,
    )


def _match(part: HTTPMatchRequest) -> RoutingMatch:
    return RoutingMatch(
        part.path,
        uri=part.uri_condition,
        scheme=part.scheme.condition(),
        method=part.method.condition(),
        authority=part.authority.condition(),
        headers=part.header_conditions,
        without_headers=part.header_exceptions,
        query=part.query_conditions,
        port=part.port,
        source_labels=part.source_labels,
        source_namespace=part.source_namespace,
        gateways=part.bound,
    )


def _rule(part: HTTPRule, matches: tuple[RoutingMatch, ...]) -> RoutingRule:
    direct = part.direct_response if part.has("directResponse") else None
    headers = part.headers if part.has("headers") else None
    return RoutingRule(
        part.resource,
        part.path,
        matches,
        destinations=_destinations(part.route),
        redirect=_redirect(part.redirect) if part.has("redirect") and part.redirect else None,
        direct=(direct.status or 0, direct.body.content) if direct else None,
        rewrite=_rewrite(part.rewrite) if part.has("rewrite") else Rewrite(),
        fault=part.fault if part.has("fault") else None,
        timeout=part.timeout,
        retries=_retries(part.retries) if part.has("retries") else Retries(),
        request_headers=written(headers.request.changes) if headers else UNCHANGED,
        response_headers=written(headers.response.changes) if headers else UNCHANGED,
        mirrors=tuple(
            Mirror(_destination(to, field), percent) for to, field, percent in part.copies if percent > 0
        ),
        cors=_cors(part.cors_policy) if part.has("corsPolicy") else None,
    )


def _destinations(route: tuple[RouteDestination, ...]) -> tuple[RoutingDestination, ...]:
    return tuple(
        _destination(
            part.destination,
            part.path,
            part.headers if part.has("headers") else None,
            1 if weight is None else weight,
        )
        for part, weight in weighted(route)
    )


def _destination(
    part: Destination, field: str, headers: Headers | None = None, weight: int = 1
) -> RoutingDestination:
    changes = map(written, (headers.request.changes, headers.response.changes)) if headers else ()
    return RoutingDestination(field, part.full_host, weight, part.subset, part.port.number, *changes)


def _redirect(part: HTTPRedirect) -> Redirect:
    return Redirect(
        status=part.status,
        path=part.uri or None,
        prefix=part.prefix_rewrite or None,
        authority=part.authority or None,
        scheme=part.scheme or None,
        port=part.port,
        keep_port=part.derive_port == "FROM_REQUEST_PORT",
    )


def _rewrite(part: HTTPRewrite) -> Rewrite:
    regex = part.uri_regex_rewrite
    if regex:
        return Rewrite("regex", regex.rewrite, regex.match, part.authority)
    return Rewrite("match" if part.uri else "", part.uri, authority=part.authority)


def _retries(part: HTTPRetry) -> Retries:
    return Retries(
        part.attempts or 0, part.conditions, part.per_try_timeout, part.retry_ignore_previous_hosts
    )


def _cors(part: CorsPolicy) -> Cors:
    return Cors(
        origins=part.origins,
        methods=part.allow_methods,
        headers=part.allow_headers,
        exposed=part.expose_headers,
        max_age=str(int(part.max_age or 0)) if part.has("maxAge") else "",
        credentials=part.allow_credentials,
        forwards=part.unmatched_preflights != "IGNORE",
    )


Visible = tuple[int, "Resource"]


def visible(state: State, client: Pod, number: int, *names: str) -> tuple[list[Visible], list[Step]]:
    """Returns the VirtualServices for hosts that a client sees on a port, and why it doesn't see others."""
    scope, namespace = sidecar_scope.of(state, client), client.namespace
    default = mesh_config.of(state).virtual_service_export_to
    seen_by: list[Visible] = []
    lost: list[Step] = []
    for resource in by_host(state).covering(*names):
        if MESH not in gateways(resource):
            text = "is bound to gateways only: no effect on sidecars"
            lost.append(step(resource, "spec.gateways", Action.IGNORED, text))
        elif (seen := visibility(resource, namespace, default)) is None:
            text = "isn't exported to namespace {}"
            lost.append(step(resource, "spec.exportTo", Action.HIDDEN, text, namespace))
        elif not scope.has_rules(resource.namespace, hosts(resource), number):
            lost.append(scope.hidden(resource, "hosts of {}", resource))
        else:
            seen_by.append((seen, resource))
    lost += revision.passed_over(
        state, VirtualService.KIND, lambda apart: MESH in gateways(apart) and speaks_for(apart, *names)
    )
    return seen_by, lost
