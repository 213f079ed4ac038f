"""Who a Linkerd policy lets in: networks, and mutual-TLS identities."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.model.network import covers_pods
from harness.model.objects import Fields, not_modelled, reason, spec_of
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.hop import Arrival
    from harness.model.state import State
    from harness.resources import Resource

GROUP = "policy.linkerd.io"

CLUSTER_NETWORKS = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")
"""The installation's clusterNetworks: every pod of the cluster is in them."""

_IDENTITY = "serviceaccount.identity.linkerd.cluster.local"


@dataclass(frozen=True)
class Authorization:
    """One authorization of a Server or route: whom it lets in.

    `identities` None lets unauthenticated clients in, () any meshed client, others those
    identities; `networks` None means any.
    """

    origin: Resource | None
    name: str
    field: str
    networks: tuple[Fields, ...] | None = None
    identities: tuple[str, ...] | None = None

    def admits(self, arrival: Arrival) -> bool:
        """Returns whether the client of a request is let in."""
        if self.networks is not None and not any(_inside(self, network) for network in self.networks):
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


def _inside(authorization: Authorization, network: Fields) -> bool:
    origin = authorization.origin
    if origin is None:
        return True
    field = authorization.field
    if not covers_pods(origin, field, ip_network(network["cidr"], strict=False)):
        return False
    return not any(
        covers_pods(origin, field, ip_network(one, strict=False)) for one in network.get("except") or ()
    )


def _is_identity(wanted: str, identity: str) -> bool:
    """Whether an identity is the wanted one: exact, `*` (any), `*.suffix` (by segments)."""
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return identity.endswith(wanted[1:])
    return wanted == identity


def of_default(policy: str) -> tuple[Authorization, ...]:
    """Returns the authorizations of a default policy (all-unauthenticated, …, deny, audit)."""
    if policy == "deny":
        return ()
    who: tuple[str, ...] | None = () if policy.endswith("-authenticated") else None
    # Every pod is in the cluster's networks, so `cluster-…` lets in whom `all-…` does.
    return (Authorization(None, f"default policy {policy}", "", identities=who),)


def of_server_authorization(resource: Resource) -> Authorization:
    """Returns what a ServerAuthorization lets in."""
    client = spec_of(resource).get("client") or {}
    networks = tuple(client["networks"]) if client.get("networks") else None
    tls = client.get("meshTLS")
    if tls is None or client.get("unauthenticated") or tls.get("unauthenticatedTLS"):
        # Unauthenticated TLS still needs TLS, which only meshed clients bring.
        who = () if tls and tls.get("unauthenticatedTLS") else None
        return Authorization(resource, str(resource), "spec.client", networks, who)
    names = tuple(tls.get("identities") or ()) + tuple(
        f"{account['name']}.{account.get('namespace') or resource.namespace}.{_IDENTITY}"
        for account in tls.get("serviceAccounts") or ()
    )
    return Authorization(resource, str(resource), "spec.client.meshTLS", networks, names)


def of_policy(state: State, policy: Resource) -> Authorization | Reason:
    """Returns what an AuthorizationPolicy lets in; its authentications must all hold, none is everybody.

    A reference to an authentication that doesn't exist voids the policy: then the reason why.
    """
    field = "spec.requiredAuthenticationRefs"
    networks: tuple[Fields, ...] | None = None
    identities: tuple[str, ...] | None = None
    for index, reference in enumerate(spec_of(policy).get("requiredAuthenticationRefs") or ()):
        kind, name = reference["kind"], reference["name"]
        namespace = reference.get("namespace") or policy.namespace
        if kind == "ServiceAccount":
            identities = (f"{name}.{namespace}.{_IDENTITY}",)
            continue
        found = state.get(GROUP, kind, namespace, name)
        if found is None:
            text = f"there is no {kind} {namespace}/{name}: the policy is ignored"
            return reason(policy, f"{field}[{index}]", text, lost=True)
        if kind == "NetworkAuthentication":
            networks = tuple(spec_of(found).get("networks") or ())
        elif kind == "MeshTLSAuthentication":
            identities = _mesh_tls(found)
        else:
            raise not_modelled(policy, f"{field}[{index}]", f"authentication by {kind}")
    return Authorization(policy, str(policy), field, networks, identities)


def _mesh_tls(resource: Resource) -> tuple[str, ...]:
    spec = spec_of(resource)
    names = tuple(spec.get("identities") or ())
    for reference in spec.get("identityRefs") or ():
        if reference["kind"] == "Namespace":
            name = reference.get("name") or resource.namespace
            names += (f"*.{name}.{_IDENTITY}",)
        else:
            namespace = reference.get("namespace") or resource.namespace
            names += (f"{reference['name']}.{namespace}.{_IDENTITY}",)
    return names
