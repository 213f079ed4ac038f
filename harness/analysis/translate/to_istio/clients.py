"""Whom Linkerd's authorizations let in, and the conditions under which a client is none of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.to_istio.condition import Literal, both
from harness.api.istio.security.identity import principal, service_account
from harness.api.linkerd import GROUP
from harness.api.linkerd.identity import account_of, admits
from harness.api.linkerd.identity import service_account as linkerd_account
from harness.api.linkerd.policy import (
    MESH_TLS,
    NETWORKS,
    SERVICE_ACCOUNT,
    LinkerdAuthorizationPolicy,
    MeshTLSAuthentication,
    NetworkAuthentication,
    ServerAuthorization,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.to_istio.condition import Product
    from harness.api.linkerd.linkerd_config import LinkerdConfig
    from harness.api.linkerd.policy import NetworkBlock
    from harness.api.node import Node
    from harness.base.resources import Resource

Block = tuple[str, tuple[str, ...]]
"""A network, and its exceptions."""


@dataclass(frozen=True)
class Clients:
    """Clients that one authorization lets in: with these principals, and from these networks.

    `principals` None wants no identity; `networks` None are all. `origins` say so.
    """

    origins: tuple[Resource, ...]
    principals: tuple[str, ...] | None = None
    networks: tuple[Block, ...] | None = None

    @property
    def others(self) -> tuple[Product, ...]:
        """The conditions under which a client is none of them; nothing if each client is."""
        alternatives: list[Product] = []
        if self.principals is not None:
            # Nobody has a principal of which there is none: no condition at all is everybody.
            alternatives.append((Literal("notPrincipals", self.principals),) if self.principals else ())
        if self.networks is not None:
            outside = [
                [
                    (Literal("notIpBlocks", (cidr,)),),
                    *((Literal("ipBlocks", (each,)),) for each in exceptions),
                ]
                for cidr, exceptions in self.networks
            ]
            alternatives += both(outside)
        return tuple(alternatives)


def refused(clients: Iterable[Clients]) -> tuple[Product, ...]:
    """Returns the conditions under which none of these authorizations lets a client in."""
    return both([each.others for each in clients])


class Authorizations:
    """Reads what lets clients in; each object once, so that what nobody reads of it is reported."""

    def __init__(self, draft: Draft, settings: LinkerdConfig) -> None:
        self._draft = draft
        self._attached: set[Resource] = set()
        self._settings = settings
        estate = draft.estate
        self._mesh_tls = {each.key[2:]: each for each in estate.all(*MESH_TLS)}
        self._networks = {each.key[2:]: each for each in estate.all(*NETWORKS)}
        self.policies = [
            LinkerdAuthorizationPolicy.of(each) for each in estate.all(GROUP, "AuthorizationPolicy")
        ]
        self.older = [ServerAuthorization.of(each) for each in estate.all(GROUP, "ServerAuthorization")]

    def of_policy(self, policy: LinkerdAuthorizationPolicy) -> Clients | None:
        """Returns whom a policy lets in; None if it names what isn't there, and so does nothing."""
        self._attached.add(policy.resource)
        principals: tuple[str, ...] | None = None
        networks: tuple[Block, ...] | None = None
        origins = [policy.resource]
        for reference in policy.authentications:
            key = (reference.namespace, reference.name)
            if reference.means == SERVICE_ACCOUNT:
                identity = linkerd_account(reference.name, reference.namespace, self._settings.trust_domain)
                principals = self._principals(reference, (identity,))
            elif reference.means == MESH_TLS and key in self._mesh_tls:
                reading = MeshTLSAuthentication.of(self._mesh_tls[key])
                origins.append(reading.resource)
                principals = self._principals(reading, reading.identities(self._settings.trust_domain))
                self._draft.finish(reading)
            elif reference.means == NETWORKS and key in self._networks:
                allowed = NetworkAuthentication.of(self._networks[key])
                origins.append(allowed.resource)
                networks = _blocks(allowed.networks)
                self._draft.finish(allowed)
            else:
                self._draft.report("to-istio.void", reference, kind=reference.kind, name="/".join(key))
                return None
        return Clients(tuple(origins), principals, networks)

    def of_older(self, authorization: ServerAuthorization) -> Clients | None:
        """Returns whom a ServerAuthorization lets in; None if it says nobody, and so does nothing."""
        self._attached.add(authorization.resource)
        client, origins = authorization.client, (authorization.resource,)
        networks = _blocks(client.networks) if client.networks else self._of_cluster()
        if client.unauthenticated:
            return Clients(origins, None, networks)
        if client.tls.anyone:
            return Clients(origins, ("*",), networks)
        identities = client.tls.identities(self._settings.trust_domain)
        return Clients(origins, self._principals(client.tls, identities), networks) if identities else None

    def finish(self) -> None:
        """Reports what nobody read, and what is on nothing that is among the objects."""
        for reading in (*self.policies, *self.older):
            if reading.resource in self._attached:
                self._draft.finish(reading)
            else:
                self._draft.report("to-istio.unattached", reading)

    def of_default(self, policy: str, origins: Sequence[Resource]) -> tuple[Clients, ...]:
        """Returns whom a default policy, or a Server's accessPolicy, lets in."""
        if policy == "deny":
            return ()
        principals = ("*",) if policy.endswith("-authenticated") else None
        networks = self._of_cluster() if policy.startswith("cluster-") else None
        return (Clients(tuple(origins), principals, networks),)

    def _of_cluster(self) -> tuple[Block, ...]:
        return tuple((network, ()) for network in self._settings.networks)

    def _principals(self, at: Node, identities: tuple[str, ...]) -> tuple[str, ...]:
        principals = []
        for identity in identities:
            if name := self._principal(identity):
                principals.append(name)
            else:
                self._draft.report("to-istio.identity", at, identity=identity)
        return tuple(dict.fromkeys(principals)) if identities else ("*",)

    def _principal(self, identity: str) -> str:
        """An identity, or a pattern of a namespace's or of all, as a principal; empty for another one."""
        domain, linkerds = self._draft.estate.mesh_config.trust_domain, self._settings.trust_domain
        if account := account_of(identity):
            namespace, name = account
            same = identity == linkerd_account(name, namespace, linkerds)
            return principal(service_account(name, namespace, domain)) if same else ""
        if admits(identity, linkerd_account("any", "any", linkerds)) and identity.startswith("*"):
            return "*"
        namespace = identity.removeprefix("*.").partition(".")[0]
        if identity == linkerd_account("*", namespace, linkerds):
            return f"{domain}/ns/{namespace}/*"
        return ""


def _blocks(networks: Iterable[NetworkBlock]) -> tuple[Block, ...]:
    return tuple((str(each.cidr), tuple(map(str, each.exceptions))) for each in networks)
