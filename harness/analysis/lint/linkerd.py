"""Traps in Linkerd's policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Symptom, rule
from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.kubernetes.workload import WORKLOADS, template_of
from harness.api.linkerd import GROUP, POLICIES
from harness.api.linkerd.annotation import DEFAULT_POLICY
from harness.api.linkerd.policy import (
    LinkerdAuthorizationPolicy,
    LinkerdServer,
    MeshTLSAuthentication,
    ServerAuthorization,
)
from harness.api.objects import annotations_of
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State


@rule
def namespace_policy_without_server(state: State) -> Iterator[Symptom]:
    """An AuthorizationPolicy for a Namespace opens nothing where no Server selects the port."""
    for policy in state.all(GROUP, "AuthorizationPolicy"):
        target = LinkerdAuthorizationPolicy.kept(policy).target
        if target.kind == "Namespace" and not state.all(GROUP, "Server", policy.namespace):
            yield Symptom(
                policy,
                "spec.targetRef",
                f"is namespace {policy.namespace}, which has no Server",
                "the policy opens ports of Servers only: under a default of deny everybody is denied",
                "add a Server for each port of the workloads",
            )


@rule
def server_without_authorization(state: State) -> Iterator[Symptom]:
    """A Server that no policy opens denies everybody, also where all were allowed before."""
    for server in state.all(GROUP, "Server"):
        if LinkerdServer.kept(server).access_policy != "deny" or _opened(state, server):
            continue
        yield Symptom(
            server,
            "spec",
            "no policy opens it",
            "accessPolicy is deny where it isn't said: everybody gets 403 on its port",
            "add an AuthorizationPolicy for the Server, or set accessPolicy",
        )


@rule
def server_route_closes_probes(state: State) -> Iterator[Symptom]:
    """Attaching any route to a Server ends the openness of probe paths: pods turn not ready."""
    for server in state.all(GROUP, "Server"):
        routes = _routes_on(state, server)
        if not routes:
            continue
        read = LinkerdServer.kept(server)
        for pod in state.pods:
            if pod.namespace != server.namespace or not read.pod_selector.selects(pod.labels):
                continue
            port = pod.port(read.port)
            paths = pod.probe_paths(port) if port is not None and pod.mesh is Mesh.LINKERD else ()
            shut = [path for path in paths if not any(_takes(route, path) for route in routes)]
            if shut:
                yield Symptom(
                    routes[0].resource,
                    "spec.parentRefs",
                    f"is attached to {server}, and no route there takes the probe of {shut[0]}",
                    f"the kubelet's probe then gets 404: {pod.workload} turns not ready, and is restarted",
                    "add a route for the probe's path, opened by a NetworkAuthentication",
                )
                break


@rule
def identity_as_spiffe(state: State) -> Iterator[Symptom]:
    """Linkerd's identities are DNS names: a SPIFFE one is taken in, and is nobody's."""
    for policy in state.all(GROUP, "MeshTLSAuthentication"):
        for index, identity in enumerate(MeshTLSAuthentication.kept(policy).written):
            if identity.startswith("spiffe://"):
                yield Symptom(
                    policy,
                    f"spec.identities[{index}]",
                    f"is {identity}",
                    "Linkerd's webhook takes it in, and no client has it",
                    "write <account>.<namespace>.serviceaccount.identity.linkerd.<domain>, or identityRefs",
                )


@rule
def default_policy_value(state: State) -> Iterator[Symptom]:
    """A default inbound policy that Linkerd doesn't know leaves the port open."""
    for namespace in state.all("", "Namespace"):
        yield from _unknown_default(namespace, annotations_of(namespace), "metadata.annotations")
    for kind in WORKLOADS:
        for resource in state.all(*kind):
            metadata = template_of(resource).metadata
            yield from _unknown_default(resource, metadata.annotations, metadata.at("annotations"))


def _unknown_default(resource: Resource, annotations: Mapping[str, str], field: str) -> Iterator[Symptom]:
    value = annotations.get(DEFAULT_POLICY)
    if value is not None and value not in POLICIES:
        yield Symptom(
            resource,
            field,
            f"{DEFAULT_POLICY} is {value!r}",
            "Linkerd doesn't know it, and goes by the installation's default: all-unauthenticated",
            f"write one of {', '.join(POLICIES)}",
        )


def _opened(state: State, server: Resource) -> bool:
    routes = {
        (route.resource.group, route.resource.kind, route.resource.name)
        for route in _routes_on(state, server)
    }
    for policy in state.all(GROUP, "AuthorizationPolicy", server.namespace):
        target = LinkerdAuthorizationPolicy.kept(policy).target
        key = (target.group, target.kind, target.name)
        if key in ((GROUP, "Server", server.name), ("", "Namespace", server.namespace)) or key in routes:
            return True
        if target.kind == "Namespace":
            return True
    return any(
        ServerAuthorization.kept(one).server.includes(server)
        for one in state.all(GROUP, "ServerAuthorization", server.namespace)
    )


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
