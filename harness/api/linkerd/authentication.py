"""MeshTLSAuthentication and NetworkAuthentication: who a client must be, and where it must be."""

from __future__ import annotations

from harness.api.gateway_api.reference import ObjectRef
from harness.api.linkerd.identity import service_account
from harness.api.linkerd.networks import NetworkBlock
from harness.api.node import Spec, nodes, text, texts


class IdentityRef(ObjectRef):
    """A ServiceAccount, or a Namespace, whose name is by default the referrer's namespace."""

    kind = text("kind")

    def identity(self, trust_domain: str) -> str:
        """Returns the identity, or the pattern, of what it refers to."""
        if self.kind == "Namespace":
            return service_account("*", self.name or self.resource.namespace, trust_domain)
        return service_account(self.name, self.namespace, trust_domain)


class MeshTLSAuthentication(Spec):
    """Identities, written out or by reference."""

    written = texts("identities")
    references = nodes("identityRefs", IdentityRef)

    def identities(self, trust_domain: str) -> tuple[str, ...]:
        """Returns all of them, which may be patterns."""
        return self.written + tuple(one.identity(trust_domain) for one in self.references)


class NetworkAuthentication(Spec):
    """Networks that clients must come from."""

    networks = nodes("networks", NetworkBlock)
