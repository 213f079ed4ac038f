"""AuthorizationPolicy and ServerAuthorization: whom a Server, a route or a namespace's Servers let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api.reference import ObjectRef
from harness.api.kubernetes.selector import LabelSelector
from harness.api.linkerd.identity import service_account
from harness.api.linkerd.networks import NetworkBlock
from harness.api.node import Node, Spec, boolean, node, nodes, text, texts
from harness.api.objects import labels_of

if TYPE_CHECKING:
    from harness.base.resources import Resource


class PolicyRef(ObjectRef):
    """A reference of a policy's: to what it is for, or to an authentication."""

    group = text("group")
    kind = text("kind")


class LinkerdAuthorizationPolicy(Spec):
    """Authentications that a client must all have; Istio has a kind of that name, too."""

    target = node("targetRef", PolicyRef)
    authentications = nodes("requiredAuthenticationRefs", PolicyRef)


class ServerChoice(Node):
    """The Servers of a namespace that a ServerAuthorization is for: one by name, or some by labels."""

    name = text("name")
    selector = node("selector", LabelSelector)

    def includes(self, server: Resource) -> bool:
        """Returns whether a Server of the ServerAuthorization's namespace is one of them."""
        if self.name:
            return self.name == server.name
        return self.has("selector") and self.selector.selects(labels_of(server))


class ClientTLS(Node):
    """Identities of clients over mutual TLS, or (`anyone`) all such clients."""

    anyone = boolean("unauthenticatedTLS")
    written = texts("identities")
    accounts = nodes("serviceAccounts", ObjectRef)

    def identities(self, trust_domain: str) -> tuple[str, ...]:
        """Returns all identities, which may be patterns."""
        accounts = (service_account(one.name, one.namespace, trust_domain) for one in self.accounts)
        return (*self.written, *accounts)


class AuthorizedClients(Node):
    """Clients by network, and by identity or without one."""

    unauthenticated = boolean("unauthenticated")
    networks = nodes("networks", NetworkBlock)
    tls = node("meshTLS", ClientTLS)


class ServerAuthorization(Spec):
    """Clients that some Servers let in."""

    server = node("server", ServerChoice)
    client = node("client", AuthorizedClients)
