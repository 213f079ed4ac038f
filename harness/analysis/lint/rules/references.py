"""Objects that policies and routes name, and that aren't there: one table of who refers to what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.gateway_api import GROUP as GATEWAY_API
from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.gateway_api.route import KINDS as ROUTES
from harness.api.gateway_api.route import Route
from harness.api.istio.mesh_config import Telemetry
from harness.api.istio.security.authentication import GROUP as SECURITY
from harness.api.istio.security.authentication import PolicySpec
from harness.api.linkerd import GROUP as LINKERD
from harness.api.linkerd.policy import HTTPLocalRateLimitPolicy, LinkerdAuthorizationPolicy
from harness.base.resources import CLUSTER_SCOPED
from harness.model.istio.gateway.listener import permits
from harness.model.istio.routing import delegate, virtual_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.api.gateway_api.reference import ObjectRef
    from harness.base.resources import Resource
    from harness.model import State


class Referring(NamedTuple):
    """Kinds that name objects, and how the names are read."""

    kinds: tuple[tuple[str, str], ...]
    names: Callable[[Resource], Iterable[ObjectRef]]


_ISTIO_POLICIES = (
    *((SECURITY, kind) for kind in ("AuthorizationPolicy", "RequestAuthentication")),
    Telemetry.KIND,
    ("extensions.istio.io", "WasmPlugin"),
)

_OPENING, _LIMITING = (LINKERD, "AuthorizationPolicy"), (LINKERD, "HTTPLocalRateLimitPolicy")

TARGETS = (
    Referring(_ISTIO_POLICIES, lambda policy: PolicySpec.kept(policy).targets),
    Referring(
        ((LINKERD, "AuthorizationPolicy"),), lambda each: (LinkerdAuthorizationPolicy.kept(each).target,)
    ),
    Referring(
        ((LINKERD, "HTTPLocalRateLimitPolicy"),), lambda each: (HTTPLocalRateLimitPolicy.kept(each).target,)
    ),
)
"""What policies are attached to."""

AUTHENTICATIONS = (
    Referring(
        ((LINKERD, "AuthorizationPolicy"),),
        lambda each: LinkerdAuthorizationPolicy.kept(each).authentications,
    ),
)
"""What clients must show."""


@rule
def policy_target_missing(state: State) -> Iterator[Sign]:
    for name, kind, namespace in _missing(state, TARGETS):
        yield seen(name, needs=_needs(kind, namespace), kind=kind[1], name=name.name, namespace=namespace)


@rule
def policy_authentication_missing(state: State) -> Iterator[Sign]:
    for name, kind, namespace in _missing(state, AUTHENTICATIONS):
        if kind[0] == LINKERD:  # a ServiceAccount stands for an identity, whether it is there or not
            yield seen(name, kind=kind[1], name=name.name, namespace=namespace)


def _missing(state: State, table: tuple[Referring, ...]) -> Iterator[tuple[ObjectRef, tuple[str, str], str]]:
    """The names of objects that aren't there, with their kind, and their namespace if they have one."""
    for referring in table:
        for resource in (each for kind in referring.kinds for each in state.all(*kind)):
            for name in referring.names(resource):
                group = "" if name.group == "core" else name.group
                namespace = "" if name.kind in CLUSTER_SCOPED else name.namespace
                if name.name and state.get(group, name.kind, namespace, name.name) is None:
                    yield name, (group, name.kind), namespace


def _needs(kind: tuple[str, str], namespace: str) -> tuple[str, ...] | None:
    """A policy's own targets are Linkerd's too: where there is none at all, the manifests may lack them."""
    return (*kind, namespace) if kind[0] != LINKERD else None


@rule
def route_gateway_missing(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        for parent in route.parents:
            if (parent.group or GATEWAY_API, parent.kind) != (GATEWAY_API, "Gateway"):
                continue
            gateway = state.get(GATEWAY_API, "Gateway", parent.namespace, parent.name)
            sections = [each.name for each in KubernetesGateway.kept(gateway).listeners] if gateway else []
            name = f"{parent.namespace}/{parent.name}"
            if gateway is None:
                needs = (GATEWAY_API, "Gateway", parent.namespace)
                yield seen(parent, "name", case="gateway", needs=needs, name=name)
            elif parent.section and parent.section not in sections:
                listed = ", ".join(sections) or "none"
                yield seen(
                    parent, "sectionName", case="listener", name=name, section=parent.section, valid=listed
                )


@rule
def route_backend_not_granted(state: State) -> Iterator[Sign]:
    for route in _routes(state):
        if not any(parent.kind == "Gateway" for parent in route.parents):
            continue  # between Services no grant is asked for
        for backend in (backend for part in route.rules for backend in part.backends):
            if not permits(state, route.resource, backend.kind, backend.namespace, backend.name):
                kind, home = route.resource.kind, route.resource.namespace
                yield seen(backend, "namespace", kind=kind, home=home, namespace=backend.namespace)


def _routes(state: State) -> Iterator[Route]:
    for kind in ROUTES:
        yield from map(Route.kept, state.all(GATEWAY_API, kind))


@rule
def virtual_service_delegate_lost(state: State) -> Iterator[Sign]:
    for resource in state.all("networking.istio.io", "VirtualService"):
        lost = {}
        for gateway in virtual_service.gateways(resource):
            steps = delegate.rules(state, resource, gateway)[1]
            lost.update({(step.resource, step.field): step for step in steps if step.resource})
        for step in lost.values():
            yield seen(step.resource or resource, step.field, words=step.text)
