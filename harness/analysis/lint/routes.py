"""Traps in Gateway API routes on Services."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Symptom, rule
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
    from harness.api.gateway_api.route import BackendRef, RouteMatch
    from harness.model import State

_UNREADABLE = ("URLRewrite", "RequestMirror", "ExtensionRef")


@rule
def route_without_parent(state: State) -> Iterator[Symptom]:
    """A route without parentRefs attaches to nothing, and nothing says so."""
    for route in _routes(state):
        if not route.parents:
            yield Symptom(
                route.resource,
                "spec",
                "has no parentRefs",
                "a route that attaches to nothing has no effect, and no status tells",
                'add parentRefs: [{group: "", kind: Service, name: …, port: …}]',
            )


@rule
def route_parent_without_group(state: State) -> Iterator[Symptom]:
    """A parentRef of kind Service without group means the Gateway API's group: it has no Services."""
    for route, parent in _parents(state):
        if parent.kind == "Service" and parent.group is None:
            yield Symptom(
                route.resource,
                parent.path,
                f"refers to a Service {parent.name} of the Gateway API's group",
                "group defaults to gateway.networking.k8s.io, which has no Services: the route has no effect",
                'write group: ""',
            )


@rule
def route_parent_group_core(state: State) -> Iterator[Symptom]:
    """Linkerd takes the group "core" for the Service's, Istio doesn't."""
    for route, parent in _parents(state):
        if parent.kind == "Service" and parent.group == "core":
            yield Symptom(
                route.resource,
                f"{parent.path}.group",
                "is core",
                'it acts on Linkerd\'s clients only: Istio knows the group of Services as ""',
                'write group: ""',
            )


@rule
def route_parent_missing(state: State) -> Iterator[Symptom]:
    """A parentRef to a Service, or a port of it, that isn't there has no effect."""
    for route, parent in _parents(state):
        if parent.kind != "Service" or parent.group not in ("", "core"):
            continue
        service = state.get("", "Service", parent.namespace, parent.name)
        if service is None:
            missing = f"there is no Service {parent.namespace}/{parent.name}"
        elif parent.port is not None and service_port(service, parent.port) is None:
            missing = f"{service} has no port {parent.port}"
        else:
            continue
        yield Symptom(
            route.resource,
            parent.path,
            missing,
            "the route has no effect",
            "correct the name, namespace or port, or apply the Service as well",
        )


@rule
def route_zero_weight(state: State) -> Iterator[Symptom]:
    """A lone backend at weight 0, or all at 0: the meshes disagree, and neither does what was meant."""
    for route in _routes(state):
        for part in route.rules:
            if not part.backends or any(backend.weight for backend in part.backends):
                continue
            lone = len(part.backends) == 1
            yield Symptom(
                route.resource,
                f"{part.path}.backendRefs",
                "has a lone backend of weight 0" if lone else "has backends of weight 0 only",
                "Istio answers 500; Linkerd "
                + ("sends it everything" if lone else "panics on each request, seen as an empty reply"),
                "leave a lone backend's weight out, or give the backends the shares that are meant",
            )


@rule
def route_backend_missing(state: State) -> Iterator[Symptom]:
    """A backendRef to a Service, or a port of it, that isn't there fails its share of the requests."""
    for route, backend in _backends(state):
        if not backend.is_service:
            continue
        service = state.get("", "Service", backend.namespace, backend.name)
        if service is None:
            missing, answer = f"there is no Service {backend.namespace}/{backend.name}", "500 by both meshes"
        elif backend.port is not None and service_port(service, backend.port) is None:
            missing, answer = f"{service} has no port {backend.port}", "500 by Istio, 502 by Linkerd"
        else:
            continue
        yield Symptom(
            route.resource,
            backend.path,
            missing,
            f"its share of the requests gets {answer}",
            "correct the reference",
        )


@rule
def route_filter_unreadable(state: State) -> Iterator[Symptom]:
    """Filters that Linkerd's index can't read make it ignore a new route, or keep an old version of it."""
    if Mesh.LINKERD not in state.meshes:
        return
    for route in _routes(state):
        if not any(parent.kind == "Service" for parent in route.parents):
            continue
        for part in route.rules:
            for one in (*part.filters, *(f for backend in part.backends for f in backend.filters)):
                if one.type in _UNREADABLE:
                    yield Symptom(
                        route.resource,
                        one.path,
                        f"is a {one.type}",
                        "Linkerd's index can't read it: a new route is ignored, an updated one keeps its "
                        "version before in force, and the status says Accepted all the same",
                        "leave it out for Linkerd's clients: do its work in the application or at ingress",
                    )


@rule
def route_expression_shortened(state: State) -> Iterator[Symptom]:
    """Of an expression's alternatives Linkerd prefers the first, and then asks whether it spans the value."""
    if Mesh.LINKERD not in state.meshes:
        return
    for route in _routes(state):
        if not any(parent.kind in ("Service", "Server") for parent in route.parents):
            continue
        matches = [match for part in route.rules for match in part.matches]
        for field, wanted in (expression for match in matches for expression in match.expressions):
            if (text := unspanned(wanted.value)) is not None:
                yield Symptom(
                    route.resource,
                    field,
                    f"{wanted.value} doesn't take {text}",
                    "Linkerd takes the first match from the left, and only if it is the whole value; "
                    "Istio takes whatever matches as a whole",
                    f"write ^(?:{wanted.value})$",
                )


@rule
def route_hostnames_on_service(state: State) -> Iterator[Symptom]:
    """Hostnames of a route on a Service: Istio ignores them, Linkerd compares them with Host."""
    for route in _routes(state):
        if route.hostnames and any(parent.kind == "Service" for parent in route.parents):
            yield Symptom(
                route.resource,
                "spec.hostnames",
                f"names {', '.join(route.hostnames)} on a Service",
                "Istio ignores hostnames there; Linkerd answers 404 to every other Host header",
                "leave hostnames out of routes on Services",
            )


@rule
def route_kinds_mixed(state: State) -> Iterator[Symptom]:
    """A GRPCRoute on a Service port switches HTTPRoutes there off in Linkerd, and HTTP/1 as well."""
    if Mesh.LINKERD not in state.meshes:
        return
    grpc = {key: route for route in _routes(state, "GRPCRoute") for key in _services(route)}
    for route in _routes(state, "HTTPRoute"):
        for namespace, name in _services(route):
            other = grpc.get((namespace, name))
            service = state.get("", "Service", namespace, name)
            ports = Service.kept(service).ports if service else ()
            if other and not any(port.app_protocol == "http" for port in ports):
                yield Symptom(
                    route.resource,
                    "spec.parentRefs",
                    f"{other.resource} is on Service {namespace}/{name} as well",
                    "Linkerd follows GRPCRoutes alone there, and HTTP/1 requests to the Service fail",
                    "give gRPC a Service port (or Service) of its own",
                )


@rule
def route_under_profile(state: State) -> Iterator[Symptom]:
    """A ServiceProfile with routes or overrides takes the Service over: routes on it do nothing."""
    profiles = {}
    for profile in state.all(linkerd.PROFILES, "ServiceProfile"):
        if ServiceProfile.kept(profile).decides:
            profiles[profile.name.removesuffix(".svc.cluster.local")] = profile
    for route in _routes(state):
        for namespace, name in _services(route):
            profile_of = profiles.get(f"{name}.{namespace}")
            if profile_of:
                yield Symptom(
                    route.resource,
                    "spec.parentRefs",
                    f"{profile_of} speaks for Service {namespace}/{name}",
                    "Linkerd doesn't follow routes of a Service with a ServiceProfile, though Accepted",
                    "remove the ServiceProfile once the route says what it said",
                )


@rule
def route_match_shadowed(state: State) -> Iterator[Symptom]:
    """A match that an earlier one of the same route always beats is never used."""
    for route in _routes(state):
        matches = [match for part in route.rules for match in part.matches]
        for earlier, later in combinations(matches, 2):
            why = _shadow(earlier, later, linkerd=Mesh.LINKERD in state.meshes)
            if why:
                yield Symptom(
                    route.resource,
                    later.path,
                    f"is never used: {earlier.path} takes its requests",
                    why,
                    "remove it, or put it before the other",
                )


@rule
def route_backend_timeout(state: State) -> Iterator[Symptom]:
    """`timeouts.backendRequest` limits nothing in Linkerd."""
    if Mesh.LINKERD not in state.meshes:
        return
    for route in _routes(state):
        for part in route.rules:
            if part.backend_timeout is not None and part.request_timeout is None:
                yield Symptom(
                    route.resource,
                    f"{part.path}.timeouts.backendRequest",
                    "is the only time limit",
                    "Linkerd ignores backendRequest: its clients wait without limit",
                    "set timeouts.request",
                )


def _shadow(earlier: RouteMatch, later: RouteMatch, *, linkerd: bool) -> str:
    """Why a later match of the same route never gets a request, empty if it may."""
    same = (earlier.headers, earlier.query, earlier.method) == (later.headers, later.query, later.method)
    if not same:
        return ""
    if (earlier.path_match, earlier.rpc) == (later.path_match, later.rpc):
        return "of equal matches the first one wins"
    first, second = earlier.path_match, later.path_match
    if (
        linkerd
        and first
        and second
        and first.value == second.value
        and (first.kind, second.kind) == ("segments", "exact")
    ):
        return "Linkerd ranks paths by length alone: of a prefix and an equal exact path the first wins"
    return ""


def _routes(state: State, *kinds: str) -> Iterator[Route]:
    for kind in kinds or KINDS:
        yield from map(Route.kept, state.all(gateway_api.GROUP, kind))


def _parents(state: State) -> Iterator[tuple[Route, ParentRef]]:
    return ((route, parent) for route in _routes(state) for parent in route.parents)


def _backends(state: State) -> Iterator[tuple[Route, BackendRef]]:
    return ((route, b) for route in _routes(state) for part in route.rules for b in part.backends)


def _services(route: Route) -> Iterator[tuple[str, str]]:
    return ((parent.namespace, parent.name) for parent in route.parents if parent.kind == "Service")
