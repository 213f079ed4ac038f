"""Who a Linkerd policy lets in: networks, and mutual-TLS identities."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.objects import Fields, spec_of
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.model.linkerd import config
from harness.model.network.addresses import contains
from harness.traffic.trace import Reason, reason

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.arrival import Arrival
    from harness.model.linkerd.config import Config
    from harness.model.state.state import State

GROUP = "policy.linkerd.io"


@dataclass(frozen=True)
class Networks:
    """Networks that clients must come from, and the object that says so (None: every pod is in them)."""

    origin: Resource | None
    field: str
    entries: tuple[Fields, ...]

    def hold(self, arrival: Arrival) -> bool:
        """Returns whether the client of a request is in one of them, and not among its exceptions."""
        origin = self.origin
        if origin is None:
            return True

        def inside(cidr: str) -> bool:
            return contains(origin, self.field, ip_network(cidr, strict=False), arrival.client)

        return any(
            inside(entry["cidr"]) and not any(map(inside, entry.get("except") or ()))
            for entry in self.entries
        )


@dataclass(frozen=True)
class Authorization:
    """One authorization of a Server or route: whom it lets in.

    `identities` None lets unauthenticated clients in, () any meshed client, others those
    identities; `networks` None means any. What an `audit` lets in is logged.
    """

    origin: Resource | None
    name: str
    field: str
    networks: Networks | None = None
    identities: tuple[str, ...] | None = None
    audit: bool = False

    def admits(self, arrival: Arrival) -> bool:
        """Returns whether the client of a request is let in."""
        if self.networks is not None and not self.networks.hold(arrival):
            return False
        if self.identities is None:
            return True
        if arrival.tls is not Mesh.LINKERD:
            return False
        identity = arrival.client.dns_identity
        return not self.identities or any(_is_identity(wanted, identity) for wanted in self.identities)

    def reason(self, text: str, *, lost: bool = False) -> Reason:
        """Returns a link of a trace that names this authorization."""
        if self.origin is None:
            return Reason(f"{self.name}: {text}", lost=lost)
        return reason(self.origin, self.field, text, lost=lost)


def _is_identity(wanted: str, identity: str) -> bool:
    """Whether an identity is the wanted one: exact, `*` (any), `*.suffix` (by segments)."""
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return identity.endswith(wanted[1:])
    return wanted == identity


def service_account(settings: Config, name: str, namespace: str) -> str:
    """Returns the identity of a ServiceAccount's pods, or with the name `*` of a namespace's."""
    return f"{name}.{namespace}.serviceaccount.identity.linkerd.{settings.trust_domain}"


def of_default(settings: Config, policy: str, server: Resource | None = None) -> tuple[Authorization, ...]:
    """Returns the authorizations of a default policy (all-unauthenticated, …), or a Server's accessPolicy."""
    if policy == "deny":
        return ()
    who: tuple[str, ...] | None = () if policy.endswith("-authenticated") else None
    networks = _of_cluster(settings) if policy.startswith("cluster-") else None
    field = "spec.accessPolicy" if server else ""
    return (Authorization(server, f"default policy {policy}", field, networks, who, policy == "audit"),)


def _of_cluster(settings: Config) -> Networks:
    # The default installation's networks hold every pod.
    entries = tuple({"cidr": network} for network in settings.networks)
    return Networks(settings.origin, "data.values clusterNetworks", entries)


def of_server_authorization(settings: Config, resource: Resource) -> Authorization | Reason:
    """Returns what a ServerAuthorization lets in; without networks, clients in the cluster's.

    One that says neither `unauthenticated` nor whom by mutual TLS is void: then the reason why.
    """
    client = spec_of(resource).get("client") or {}
    given = tuple(client.get("networks") or ())
    networks = Networks(resource, "spec.client.networks", given) if given else _of_cluster(settings)
    if client.get("unauthenticated"):
        return Authorization(resource, str(resource), "spec.client.unauthenticated", networks)
    field = "spec.client.meshTLS"
    tls = client.get("meshTLS") or {}
    if tls.get("unauthenticatedTLS"):  # only meshed clients bring a TLS that the proxy ends
        return Authorization(resource, str(resource), field, networks, ())
    names = tuple(tls.get("identities") or ()) + tuple(
        service_account(settings, account["name"], account.get("namespace") or resource.namespace)
        for account in tls.get("serviceAccounts") or ()
    )
    if not names:
        text = "admits nobody: neither unauthenticated nor any identity; it is ignored"
        return reason(resource, "spec.client", text, lost=True)
    return Authorization(resource, str(resource), field, networks, names)


def of_policy(state: State, policy: Resource) -> Authorization | Reason:
    """Returns what an AuthorizationPolicy lets in; its authentications must all hold, none is everybody.

    A reference to an authentication that doesn't exist voids the policy: then the reason why.
    """
    field, settings = "spec.requiredAuthenticationRefs", config.of(state)
    networks: Networks | None = None
    identities: tuple[str, ...] | None = None
    for index, reference in enumerate(spec_of(policy).get("requiredAuthenticationRefs") or ()):
        kind, name = reference["kind"], reference["name"]
        namespace = reference.get("namespace") or policy.namespace
        if kind == "ServiceAccount":
            identities = (service_account(settings, name, namespace),)
            continue
        found = state.get(GROUP, kind, namespace, name)
        if found is None:
            text = f"there is no {kind} {namespace}/{name}: the policy is ignored"
            return reason(policy, f"{field}[{index}]", text, lost=True)
        if kind == "NetworkAuthentication":
            networks = Networks(found, "spec.networks", tuple(spec_of(found).get("networks") or ()))
        elif kind == "MeshTLSAuthentication":
            identities = _mesh_tls(settings, found)
        else:
            raise not_modelled(policy, f"{field}[{index}]", f"authentication by {kind}")
    return Authorization(policy, str(policy), field, networks, identities)


def _mesh_tls(settings: Config, resource: Resource) -> tuple[str, ...]:
    spec = spec_of(resource)
    names = tuple(spec.get("identities") or ())
    for reference in spec.get("identityRefs") or ():
        if reference["kind"] == "Namespace":
            names += (service_account(settings, "*", reference.get("name") or resource.namespace),)
        else:
            namespace = reference.get("namespace") or resource.namespace
            names += (service_account(settings, reference["name"], namespace),)
    return names
