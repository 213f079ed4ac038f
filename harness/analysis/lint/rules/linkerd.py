"""Traps in Linkerd's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.workload import template_of
from harness.api.linkerd import GROUP, POLICIES
from harness.api.linkerd.annotation import DEFAULT_POLICY
from harness.api.linkerd.policy import (
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
    ServerAuthorization,
)
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State


@rule
def namespace_policy_without_server(state: State) -> Iterator[Sign]:
    for policy in state.all(GROUP, "AuthorizationPolicy"):
        target = LinkerdAuthorizationPolicy.kept(policy).target
        if target.kind == "Namespace" and not state.all(GROUP, "Server", policy.namespace):
            yield seen(policy, "spec.targetRef", namespace=policy.namespace)


@rule
def server_without_authorization(state: State) -> Iterator[Sign]:
    for server in state.all(GROUP, "Server"):
        if LinkerdServer.kept(server).access_policy == "deny" and not _opened(state, server):
            yield seen(server, "spec")


@rule
def server_route_closes_probes(state: State) -> Iterator[Sign]:
    for server in state.all(GROUP, "Server"):
        routes = _routes_on(state, server)
        if not routes:
            continue
        read = LinkerdServer.kept(server)
        for pod in state.pods:
            here = pod.namespace == server.namespace and not read.for_machines
            if not here or not read.pod_selector.selects(pod.labels):
                continue
            port = pod.port(read.port)
            paths = pod.probe_paths(port) if port is not None and pod.mesh is Mesh.LINKERD else ()
            shut = [path for path in paths if not any(_takes(route, path) for route in routes)]
            if shut:
                yield seen(routes[0], "parentRefs", server=server, path=shut[0], workload=pod.workload)
                break


@rule
def identity_as_spiffe(state: State) -> Iterator[Sign]:
    for policy in state.all(GROUP, "MeshTLSAuthentication"):
        for index, identity in enumerate(MeshTLSAuthentication.kept(policy).written):
            if identity.startswith("spiffe://"):
                yield seen(policy, f"spec.identities[{index}]", identity=identity)


@rule
def default_policy_value(state: State) -> Iterator[Sign]:
    for namespace in state.all("", "Namespace"):
        yield from _unknown_default(namespace, annotations_of(namespace), "metadata.annotations")
    for resource in state.workloads:
        metadata = template_of(resource).metadata
        yield from _unknown_default(resource, metadata.annotations, metadata.at("annotations"))


def _unknown_default(resource: Resource, annotations: Mapping[str, str], field: str) -> Iterator[Sign]:
    value = annotations.get(DEFAULT_POLICY)
    if value is not None and value not in POLICIES:
        yield seen(resource, field, value=value, policies=", ".join(POLICIES))


def _opened(state: State, server: Resource) -> bool:
    routes = (route.resource for route in _routes_on(state, server))
    targets = {(GROUP, "Server", server.name), *((route.group, route.kind, route.name) for route in routes)}
    policies = map(LinkerdAuthorizationPolicy.kept, state.all(GROUP, "AuthorizationPolicy", server.namespace))
    older = map(ServerAuthorization.kept, state.all(GROUP, "ServerAuthorization", server.namespace))
    return any(
        policy.target.kind == "Namespace"
        or (policy.target.group, policy.target.kind, policy.target.name) in targets
        for policy in policies
    ) or any(policy.server.includes(server) for policy in older)


def _routes_on(state: State, server: Resource) -> list[Route]:
    wanted = ("Server", server.namespace, server.name)
    return [
        route
        for group in (gateway_api.GROUP, GROUP)
        for kind in ("HTTPRoute", "GRPCRoute")
        for route in map(Route.kept, state.all(group, kind, server.namespace))
        if any((parent.kind, parent.namespace, parent.name) == wanted for parent in route.parents)
    ]


def _takes(route: Route, path: str) -> bool:
    return any(
        (match.path_match is None or match.path_match.holds(path))
        and match.method in (None, "GET")
        and not match.headers
        and not match.query
        for part in route.rules
        for match in part.matches
    )
