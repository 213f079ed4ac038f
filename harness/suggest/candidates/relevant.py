"""Which objects can have a say in what becomes of requests to a Service."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.istio import destination_rule
from harness.api.istio.hosts import MESH
from harness.api.istio.registry import Sidecar
from harness.api.istio.security.authentication import PolicySpec
from harness.api.istio.security.authorization_policy import IDENTITIES, KIND, AuthorizationPolicy, in_full
from harness.api.istio.security.identity import with_aliases
from harness.api.istio.virtual_service import VirtualService
from harness.api.linkerd.identity import (
    service_account,
)
from harness.api.linkerd.policy import (
    LinkerdAuthorizationPolicy,
    MeshTLSAuthentication,
    ServerAuthorization,
)
from harness.base.resources import per_object
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.istio import mesh_config
from harness.model.istio.routing import virtual_service
from harness.model.linkerd import config
from harness.model.network import attachment
from harness.model.network.services import addresses, fqdn
from harness.model.state.tables import HostTable, SelectorTable, grouped, per_state
from harness.suggest.candidates import conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State
    from harness.suggest.candidates.conditions import Conditions

_ISTIO, _LINKERD = "security.istio.io", "policy.linkerd.io"


@dataclass(frozen=True)
class Relevant:
    """Objects that decide on requests to a Service, and the conditions of routes and of policies.

    Those `at_server` count for clients without a proxy, too. Callers of `scoped` namespaces, and those with
    `scoped_labels`, see less. Identities are below Linkerd's `trust_domain`, or one of Istio's `domains`.
    """

    service: Resource
    objects: tuple[Resource, ...]
    followed: Conditions
    at_server: Conditions
    scoped: frozenset[str] = frozenset()
    scoped_labels: tuple[Mapping[str, str], ...] = ()
    trust_domain: str = "cluster.local"
    domains: tuple[str, ...] = ("cluster.local",)


def relevant(state: State, service: Resource) -> Relevant:
    """Returns what decides on requests to a Service: routes on it, policies of all they lead to."""
    if is_gateway(state, service):
        routes = at_gateways(state)
    else:
        routes = [stored.live for stored in attachment.naming(state, service)]
        routes += virtual_service.by_host(state).covering(fqdn(service))
    profiles = _profiles(state).get(fqdn(service), [])
    objects = [*routes, *profiles]
    hosts = [fqdn(service)]
    servers = [service]
    for route in routes:
        for namespace, name in _destinations(route):
            target = state.get("", "Service", namespace, name)
            if target is not None and target not in servers:
                servers.append(target)
                hosts.append(fqdn(target))
    objects += _destination_rules(state).covering(*hosts)
    probes = set()
    for pod in {pod.name: pod for server in servers for pod in addresses(state, server)}.values():
        objects += _policies(state).selecting(pod.namespace, pod.labels)
        objects += _policies(state).selecting(ROOT_NAMESPACE, pod.labels)
        objects += _linkerd(state).get(pod.namespace, [])
        if pod.mesh is Mesh.LINKERD:
            probes |= {probe.path for container in pod.containers for probe in container.probes if probe.path}
    unique = tuple({resource.key: resource for resource in objects}.values())
    followed = conditions.joined(map(conditions.of, routes))
    at_server = conditions.probed(probes) | conditions.joined(
        conditions.of(resource) for resource in unique if resource not in routes
    )
    if is_gateway(state, service):
        at_server |= followed | conditions.joined(map(conditions.hosts, routes))
    domain, domains = config.of(state).trust_domain, mesh_config.of(state).trust_domains
    return Relevant(service, unique, followed, at_server, *_scoped(state), domain, domains)


def is_gateway(state: State, service: Resource) -> bool:
    """Returns whether a Service is an ingress gateway's: what is called there depends on the Host header."""
    return any(pod.gateway for pod in addresses(state, service))


@per_state
def at_gateways(state: State) -> list[Resource]:
    """The routes that are bound to any gateway."""
    every = state.all(*VirtualService.KIND)
    bound = [route for route in every if set(virtual_service.gateways(route)) != {MESH}]
    routes = (route for kind in ("HTTPRoute", "GRPCRoute") for route in state.all(gateway_api.GROUP, kind))
    attached = (route for route in routes if any(p.kind == "Gateway" for p in Route.kept(route).parents))
    return [*bound, *attached]


@per_state
def _destination_rules(state: State) -> HostTable[Resource]:
    every = state.all(*destination_rule.KIND)
    return HostTable((destination_rule.DestinationRule.of(rule).full_host, rule) for rule in every)


@per_state
def _profiles(state: State) -> dict[str, list[Resource]]:
    return grouped((profile.name, profile) for profile in state.all("linkerd.io", "ServiceProfile"))


@per_state
def _policies(state: State) -> SelectorTable[Resource]:
    kinds = ("AuthorizationPolicy", "RequestAuthentication")
    every = (policy for kind in kinds for policy in state.all(_ISTIO, kind))
    return SelectorTable((policy.namespace, PolicySpec.of(policy).labels, policy) for policy in every)


@per_state
def _linkerd(state: State) -> dict[str, list[Resource]]:
    """Linkerd's policies by namespace, with the authentications that they ask for and routes on Servers."""
    kinds = ("AuthorizationPolicy", "MeshTLSAuthentication", "NetworkAuthentication", "ServerAuthorization")
    policies = [(policy.namespace, policy) for kind in kinds for policy in state.all(_LINKERD, kind)]
    for policy in state.all(_LINKERD, "AuthorizationPolicy"):
        for reference in LinkerdAuthorizationPolicy.of(policy).authentications:
            authentication = state.get(_LINKERD, reference.kind, reference.namespace, reference.name)
            if authentication is not None and authentication.namespace != policy.namespace:
                policies.append((policy.namespace, authentication))
    for server in state.all(_LINKERD, "Server"):
        policies += ((server.namespace, stored.live) for stored in attachment.naming(state, server))
    return grouped(policies)


@per_state
def _scoped(state: State) -> tuple[frozenset[str], tuple[Mapping[str, str], ...]]:
    """Namespaces with a Sidecar or a NetworkPolicy, and the labels that Sidecars select."""
    sidecars = state.all(*Sidecar.KIND)
    every = (*sidecars, *state.all("networking.k8s.io", "NetworkPolicy"))
    selectors = (Sidecar.of(resource).selector for resource in sidecars)
    labels = {tuple(selector.items()): selector for selector in selectors if selector}
    return frozenset(resource.namespace for resource in every), tuple(labels.values())


@per_object
def _destinations(route: Resource) -> tuple[tuple[str, str], ...]:
    """Namespace and name of the Services that a route leads to."""
    return tuple(dict.fromkeys(_targets(route)))


def _targets(route: Resource) -> Iterator[tuple[str, str]]:
    if route.kind == "VirtualService":
        for part in (part for rule in VirtualService.of(route).rules for part in rule.route):
            name, namespace, *_ = [*part.destination.full_host.split("."), ""]
            yield namespace, name
    if route.kind.endswith("Route"):
        for backend in (backend for rule in Route.kept(route).rules for backend in rule.backends):
            yield backend.namespace, backend.name


@per_object
def identities(policy: Resource, trust_domain: str, domains: tuple[str, ...]) -> tuple[str, ...]:
    """Returns what a policy asks of a caller: principals, namespaces, accounts, as patterns with `*`.

    `trust_domain` is Linkerd's, `domains` are Istio's: its own and its aliases.
    """
    if policy.group == _LINKERD:
        return tuple(_of_linkerd(policy, trust_domain))
    return tuple(_of_istio(policy, domains)) if (policy.group, policy.kind) == (_ISTIO, KIND) else ()


def _of_linkerd(policy: Resource, trust_domain: str) -> Iterator[str]:
    match policy.kind:
        case "MeshTLSAuthentication":
            yield from MeshTLSAuthentication.of(policy).identities(trust_domain)
        case "ServerAuthorization":
            yield from ServerAuthorization.of(policy).client.tls.identities(trust_domain)
        case "AuthorizationPolicy":
            for reference in LinkerdAuthorizationPolicy.of(policy).authentications:
                if reference.kind == "ServiceAccount":
                    yield service_account(reference.name, reference.namespace, trust_domain)


def _of_istio(policy: Resource, domains: tuple[str, ...]) -> Iterator[str]:
    """What each attribute of a client's identity must be, in the form that `callers` compares it with."""
    for attribute in chain.from_iterable(rule.attributes for rule in AuthorizationPolicy.of(policy).rules):
        for value in attribute.every if attribute.key in IDENTITIES else ():
            match attribute.key:
                case "source.principal":
                    yield from with_aliases(value, domains)
                case "source.serviceAccount":
                    yield in_full(value, policy.namespace)
                case "source.trustDomain":
                    yield from (f"{domain}/ns/*" for domain in (domains if value in domains else (value,)))
                case _:
                    yield value
