"""Linkerd's policies: Servers, who is let in there, how often, and what may leave."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING

from harness.api import field, gateway_api
from harness.api.gateway_api.reference import ObjectRef
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.selector import LabelSelector
from harness.api.linkerd import GROUP
from harness.api.linkerd.identity import service_account
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from harness.base.resources import Resource


UNKNOWN, HTTP1, HTTP2, GRPC, OPAQUE, TLS = "unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"
"""The values of `spec.proxyProtocol`: `unknown` (or none) detects HTTP."""


class LinkerdServer(Spec):
    """A port, by number or name, of the pods, or else of the machines outside, that a selector selects."""

    pod_selector = field.node("podSelector", LabelSelector)
    machine_selector = field.node("externalWorkloadSelector", LabelSelector)
    protocol = field.nonempty("proxyProtocol", UNKNOWN)
    access_policy = field.nonempty("accessPolicy", "deny")
    _port = field.integer_or_text("port")

    @property
    def port(self) -> int | str:
        """The pods' port, or its name."""
        return self._port or 0

    @property
    def for_machines(self) -> bool:
        """Whether it is for ExternalWorkloads, and not for pods."""
        return self.has("externalWorkloadSelector") and not self.has("podSelector")


Network = IPv4Network | IPv6Network


class NetworkBlock(Node):
    """A block of addresses; it and its exceptions may be written with host bits."""

    written = field.text("cidr")
    written_exceptions = field.texts("except")

    @field.derived
    def cidr(self) -> Network:
        """The block; raises ValueError for what isn't one."""
        return ip_network(self.written, strict=False)

    @field.derived
    def exceptions(self) -> tuple[Network, ...]:
        """Blocks in it that don't count; raises ValueError for what isn't one."""
        return tuple(ip_network(block, strict=False) for block in self.written_exceptions)


def within(inner: Network, outer: Network) -> bool:
    """Returns whether a block lies in another one, or is it."""
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


SERVICE_ACCOUNT, NAMESPACE = ("", "ServiceAccount"), ("", "Namespace")
MESH_TLS, NETWORKS = (GROUP, "MeshTLSAuthentication"), (GROUP, "NetworkAuthentication")
AUTHENTICATIONS = (MESH_TLS, SERVICE_ACCOUNT, NETWORKS)
"""What an AuthorizationPolicy may require of clients, by group and kind."""

SERVER = (GROUP, "Server")
ROUTES = ((GROUP, "HTTPRoute"), (gateway_api.GROUP, "HTTPRoute"), (gateway_api.GROUP, "GRPCRoute"))
TARGETS = (SERVER, NAMESPACE, *ROUTES)
"""What an AuthorizationPolicy may be on."""

_SPELLINGS = {word.lower(): word for kind in (*AUTHENTICATIONS, *TARGETS) for word in kind}


class PolicyRef(ObjectRef):
    """A reference, whose group and kind count in any case [policy-controller: target_ref.rs]."""

    group = field.in_any_case("group", {**_SPELLINGS, "core": ""})
    kind = field.in_any_case("kind", _SPELLINGS)

    @property
    def means(self) -> tuple[str, str]:
        """The group (empty for Kubernetes' own) and kind that it is to."""
        return self.group, self.kind

    @property
    def words(self) -> str:
        """What the policy controller calls the kind."""
        written = [self.data["kind"], *([self.data["group"]] if self.has("group") else [])]
        return ".".join(written)


class IdentityRef(PolicyRef):
    """A ServiceAccount, or a Namespace, of which all ServiceAccounts are meant."""

    def identity(self, trust_domain: str) -> str:
        """Returns the identity, or the pattern, of what it refers to."""
        if self.means == NAMESPACE:
            return service_account("*", self.name, trust_domain)
        return service_account(self.name, self.namespace, trust_domain)


class MeshTLSAuthentication(Spec):
    """Identities, written out or by reference."""

    written = field.texts("identities")
    references = field.nodes("identityRefs", IdentityRef)

    def identities(self, trust_domain: str) -> tuple[str, ...]:
        """Returns all of them, which may be patterns."""
        return self.written + tuple(reference.identity(trust_domain) for reference in self.references)


class NetworkAuthentication(Spec):
    """Networks that clients must come from."""

    networks = field.nodes("networks", NetworkBlock)


class LinkerdAuthorizationPolicy(Spec):
    """Authentications that a client must all have; Istio has a kind of that name, too."""

    target = field.node("targetRef", PolicyRef)
    authentications = field.nodes("requiredAuthenticationRefs", PolicyRef)


class ServerChoice(Node):
    """The Servers of a namespace that a ServerAuthorization is for: one by name, or some by labels."""

    name = field.text("name")
    selector = field.node("selector", LabelSelector)

    def includes(self, server: Resource) -> bool:
        """Returns whether a Server of the ServerAuthorization's namespace is one of them."""
        if self.name:
            return self.name == server.name
        return self.has("selector") and self.selector.selects(labels_of(server))


class ClientTLS(Node):
    """Identities of clients over mutual TLS, or (`anyone`) all such clients."""

    anyone = field.boolean("unauthenticatedTLS")
    written = field.texts("identities")
    accounts = field.nodes("serviceAccounts", ObjectRef)

    def identities(self, trust_domain: str) -> tuple[str, ...]:
        """Returns all identities, which may be patterns."""
        accounts = (service_account(each.name, each.namespace, trust_domain) for each in self.accounts)
        return (*self.written, *accounts)


class AuthorizedClients(Node):
    """Clients by network, and by identity or without one."""

    unauthenticated = field.boolean("unauthenticated")
    networks = field.nodes("networks", NetworkBlock)
    tls = field.node("meshTLS", ClientTLS)


class ServerAuthorization(Spec):
    """Clients that some Servers let in."""

    server = field.node("server", ServerChoice)
    client = field.node("client", AuthorizedClients)


class RequestRate(Node):
    """Requests a second."""

    requests = field.count("requestsPerSecond")


class RateOverride(RequestRate):
    """A rate for some clients together."""

    clients = field.nodes("clientRefs", PolicyRef)


class HTTPLocalRateLimitPolicy(Spec):
    """A rate for all clients together, one for each identity, and others for some clients."""

    target = field.node("targetRef", PolicyRef)
    total = field.node("total", RequestRate)
    identity = field.node("identity", RequestRate)
    overrides = field.nodes("overrides", RateOverride)


class EgressNetwork(Spec):
    """Networks; where `has("networks")` is false everything outside of the cluster is meant."""

    networks = field.nodes("networks", NetworkBlock)
    _traffic_policy = field.text("trafficPolicy")

    @property
    def allows(self) -> bool:
        """Whether it lets pass what no route on it takes."""
        return self._traffic_policy == "Allow"
