"""Who a Linkerd policy lets in: networks, and mutual-TLS identities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.api.linkerd.identity import (
    admits,
    service_account,
)
from harness.api.linkerd.policy import (
    MESH_TLS,
    NETWORKS,
    SERVICE_ACCOUNT,
    LinkerdAuthorizationPolicy,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
)
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.linkerd import config
from harness.model.network.addresses import contains
from harness.traffic.trace import Action, Part, Step, Words, built_in, step

if TYPE_CHECKING:
    from harness.api.linkerd.linkerd_config import LinkerdConfig
    from harness.api.linkerd.policy import Network, NetworkBlock
    from harness.base.resources import Resource
    from harness.model.message import Arrival
    from harness.model.state import State


@dataclass(frozen=True)
class Networks:
    """Networks that clients must come from, and the object that says so (None: every pod is in them)."""

    origin: Resource | None
    field: str
    blocks: tuple[tuple[Network, tuple[Network, ...]], ...]
    """Each with its exceptions."""

    def hold(self, arrival: Arrival) -> bool:
        """Returns whether the client of a request is in one of them, and not among its exceptions."""
        origin = self.origin
        if origin is None:
            return True

        def inside(block: Network) -> bool:
            return contains(origin, self.field, block, arrival.client)

        return any(inside(block) and not any(map(inside, exceptions)) for block, exceptions in self.blocks)


@dataclass(frozen=True)
class Authorization:
    """One authorization of a Server or route: whom it lets in.

    `identities` None lets unauthenticated clients in, () any meshed client, others those
    identities; `networks` None means any. What an `audit` lets in is logged.
    """

    origin: Resource | None
    field: str
    networks: Networks | None = None
    identities: tuple[str, ...] | None = None
    audit: bool = False
    name: str = ""
    """That of a default policy, which is no object's."""

    def admits(self, arrival: Arrival) -> bool:
        """Returns whether the client of a request is let in."""
        if self.networks is not None and not self.networks.hold(arrival):
            return False
        if self.identities is None or arrival.tls is not Mesh.LINKERD:
            return self.identities is None
        identity = arrival.client.identities[Mesh.LINKERD]
        return not self.identities or any(admits(wanted, identity) for wanted in self.identities)

    def step(self, action: Action, words: str, *parts: Part) -> Step:
        """Returns what this authorization did."""
        if self.origin is None:
            return built_in(action, "{}: {}", self.name, Words(words, parts))
        return step(self.origin, self.field, action, words, *parts)


def of_default(
    settings: LinkerdConfig, policy: str, server: Resource | None = None
) -> tuple[Authorization, ...]:
    """Returns the authorizations of a default policy (all-unauthenticated, …), or a Server's accessPolicy."""
    if policy == "deny":
        return ()
    who: tuple[str, ...] | None = () if policy.endswith("-authenticated") else None
    networks = _of_cluster(settings) if policy.startswith("cluster-") else None
    field = "spec.accessPolicy" if server else ""
    return (Authorization(server, field, networks, who, policy == "audit", f"default policy {policy}"),)


def _of_cluster(settings: LinkerdConfig) -> Networks:
    # The default installation's networks hold every pod.
    blocks = tuple((block, ()) for block in settings.blocks) if settings.origin else ()
    return Networks(settings.origin, "data.values clusterNetworks", blocks)


def _written(origin: Resource, field: str, blocks: tuple[NetworkBlock, ...]) -> Networks:
    return Networks(origin, field, tuple((block.cidr, block.exceptions) for block in blocks))


def of_server_authorization(settings: LinkerdConfig, resource: Resource) -> Authorization | Step:
    """Returns what a ServerAuthorization lets in; without networks, clients in the cluster's.

    One that says neither `unauthenticated` nor whom by mutual TLS is void: then the reason why.
    """
    client = ServerAuthorization.kept(resource).client
    networks = _of_cluster(settings)
    if client.networks:
        networks = _written(resource, client.at("networks"), client.networks)
    if client.unauthenticated:
        return Authorization(resource, client.at("unauthenticated"), networks)
    if client.tls.anyone:  # only meshed clients bring a TLS that the proxy ends
        return Authorization(resource, client.tls.path, networks, ())
    names = client.tls.identities(settings.trust_domain)
    if not names:
        text = "admits nobody: neither unauthenticated nor any identity; it is ignored"
        return step(resource, client.path, Action.IGNORED, text)
    return Authorization(resource, client.tls.path, networks, names)


def of_policy(state: State, policy: Resource) -> Authorization | Step:
    """Returns what an AuthorizationPolicy lets in by all its authentications, or why it is void."""
    domain = config.of(state).trust_domain
    networks: Networks | None = None
    identities: tuple[str, ...] | None = None
    for reference in LinkerdAuthorizationPolicy.kept(policy).authentications:
        kind, namespace, name = reference.kind, reference.namespace, reference.name
        if reference.means == SERVICE_ACCOUNT:
            identities = (service_account(name, namespace, domain),)
            continue
        wanted = state.get(GROUP, kind, namespace, name)
        if wanted is None:
            text = "there is no {} {}/{}: the policy is ignored"
            return step(policy, reference.path, Action.IGNORED, text, kind, namespace, name)
        if reference.means == NETWORKS:
            networks = _written(wanted, "spec.networks", NetworkAuthentication.kept(wanted).networks)
        elif reference.means == MESH_TLS:
            identities = MeshTLSAuthentication.kept(wanted).identities(domain)
        else:
            raise not_modelled(policy, reference.path, f"authentication by {reference.words}")
    return Authorization(policy, "spec.requiredAuthenticationRefs", networks, identities)
