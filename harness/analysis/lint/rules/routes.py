"""Traps in Gateway API routes on Services."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.taken_texts import unspanned
from harness.api import gateway_api, linkerd
from harness.api.gateway_api.route import KINDS, Route
from harness.api.kubernetes.service import Service
from harness.api.linkerd.service_profile import ServiceProfile
from harness.base.vocabulary import Mesh
from harness.model.network.services import service_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.gateway_api.reference import ParentRef
    from harness.api.gateway_api.route import BackendRef, RouteMatch, RouteRule
    from harness.model import State

_UNREADABLE = ("URLRewrite", "RequestMirror", "ExtensionRef")


@rule
def route_without_parent(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        if not route.parents:
            yield seen(route)


_READERS = {
    "Service": (Mesh.ISTIO, Mesh.LINKERD),
    "Gateway": (Mesh.ISTIO,),
    "ListenerSet": (Mesh.ISTIO,),
    "EgressNetwork": (Mesh.LINKERD,),
    "Server": (Mesh.LINKERD,),
}
"""The meshes whose controllers read routes on a parent of a kind."""


@rule
def route_kind_unread(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        readers = {mesh for parent in route.parents for mesh in _READERS.get(parent.kind, ())}
        for mesh in sorted(readers & state.meshes):
            if unread := state.served.unread(mesh, route.resource.kind):
                yield seen(route.resource, "apiVersion", unread=unread)


@rule
def route_parent_without_group(state: State) -> Iterator[Sign]:
    for parent in _parents(state):
        if parent.kind == "Service" and parent.group is None:
            yield seen(parent, name=parent.name)


@rule
def route_parent_group_core(state: State) -> Iterator[Sign]:
    for parent in _parents(state):
        if parent.kind == "Service" and parent.group == "core":
            yield seen(parent, "group")


@rule
def route_parent_missing(state: State) -> Iterator[Sign]:
    for parent in _parents(state):
        if parent.kind == "Service" and parent.group in ("", "core"):
            yield from _missing(state, parent)


@rule
def route_zero_weight(state: State) -> Iterator[Sign]:
    for part in _rules(state):
        if part.backends and not any(backend.weight for backend in part.backends):
            yield seen(part, "backendRefs", case="lone" if len(part.backends) == 1 else "")


@rule
def route_backend_missing(state: State) -> Iterator[Sign]:
    for backend in (backend for part in _rules(state) for backend in part.backends):
        if backend.is_service:
            yield from _missing(state, backend)


def _missing(state: State, reference: ParentRef | BackendRef) -> Iterator[Sign]:
    service = state.get("", "Service", reference.namespace, reference.name)
    if service is None:
        needs, name = ("", "Service", reference.namespace), f"{reference.namespace}/{reference.name}"
        yield seen(reference, case="service", needs=needs, service=name)
    elif reference.port is not None and service_port(service, reference.port) is None:
        yield seen(reference, case="port", service=service, port=reference.port)


@rule
def route_filter_unreadable(state: State) -> Iterator[Sign]:
    for route in _routes(state) if Mesh.LINKERD in state.meshes else ():
        for part in route.rules if any(_services(route)) else ():
            for filter_ in (*part.filters, *(f for backend in part.backends for f in backend.filters)):
                if filter_.type in _UNREADABLE:
                    yield seen(filter_, filter=filter_.type)


@rule
def route_expression_shortened(state: State) -> Iterator[Sign]:
    for route in _routes(state) if Mesh.LINKERD in state.meshes else ():
        if not any(parent.kind in ("Service", "Server") for parent in route.parents):
            continue
        matches = (match for part in route.rules for match in part.matches)
        for field, wanted in (expression for match in matches for expression in match.expressions):
            if (text := unspanned(wanted.value)) is not None:
                yield seen(route.resource, field, expression=wanted.value, text=text)


@rule
def route_hostnames_on_service(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        if route.hostnames and any(_services(route)):
            yield seen(route, "hostnames", hostnames=", ".join(route.hostnames))


@rule
def route_kinds_mixed(state: State) -> Iterator[Sign]:
    if Mesh.LINKERD not in state.meshes:
        return
    grpc = {key: route for route in _routes(state, "GRPCRoute") for key in _services(route)}
    for route in _routes(state, "HTTPRoute"):
        for namespace, name in _services(route):
            other = grpc.get((namespace, name))
            service = state.get("", "Service", namespace, name)
            ports = Service.kept(service).ports if service else ()
            if other and not any(port.app_protocol == "http" for port in ports):
                yield seen(route, "parentRefs", other=other.resource, namespace=namespace, name=name)


@rule
def route_under_profile(state: State) -> Iterator[Sign]:
    profiles = {}
    for profile in state.all(linkerd.PROFILES, "ServiceProfile"):
        if ServiceProfile.kept(profile).decides:
            profiles[profile.name.removesuffix(".svc.cluster.local")] = profile
    for route in _routes(state):
        for namespace, name in _services(route):
            profile_of = profiles.get(f"{name}.{namespace}")
            if profile_of:
                yield seen(route, "parentRefs", profile=profile_of, namespace=namespace, name=name)


@rule
def route_match_shadowed(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        matches = [match for part in route.rules for match in part.matches]
        for earlier, later in combinations(matches, 2):
            if case := _shadow(earlier, later, linkerd=Mesh.LINKERD in state.meshes):
                yield seen(later, case=case, earlier=earlier.path)


@rule
def route_backend_timeout(state: State) -> Iterator[Sign]:
    for part in _rules(state) if Mesh.LINKERD in state.meshes else ():
        if part.backend_timeout is not None and part.request_timeout is None:
            yield seen(part, "timeouts.backendRequest")


def _shadow(earlier: RouteMatch, later: RouteMatch, *, linkerd: bool) -> str:
    """Why a later match of the same route never gets a request, empty if it may."""
    if (earlier.headers, earlier.query, earlier.method) != (later.headers, later.query, later.method):
        return ""
    first, second = earlier.path_match, later.path_match
    if (first, earlier.rpc) == (second, later.rpc):
        return "equal"
    if linkerd and first and second and first.value == second.value:
        return "length" if (first.kind, second.kind) == ("segments", "exact") else ""
    return ""


def _routes(state: State, *kinds: str) -> Iterator[Route]:
    for kind in kinds or KINDS:
        yield from map(Route.kept, state.all(gateway_api.GROUP, kind))


def _parents(state: State) -> Iterator[ParentRef]:
    return (parent for route in _routes(state) for parent in route.parents)


def _rules(state: State) -> Iterator[RouteRule]:
    return (part for route in _routes(state) for part in route.rules)


def _services(route: Route) -> Iterator[tuple[str, str]]:
    return ((parent.namespace, parent.name) for parent in route.parents if parent.kind == "Service")
