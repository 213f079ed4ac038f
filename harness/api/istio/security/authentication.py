"""Who must show what: PeerAuthentication, RequestAuthentication, and what all security policies have.

[Istio: security/v1, type/v1beta1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.field import boolean, named, node, nodes, text, texts
from harness.api.gateway_api.reference import ObjectRef
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Mapping


GROUP = "security.istio.io"


class PolicySpec(Spec):
    """A policy for some pods of its namespace; in the root namespace, of the whole mesh."""

    selector = node("selector", LabelSelector)
    target_ref = node("targetRef", ObjectRef)
    target_refs = nodes("targetRefs", ObjectRef)

    @property
    def targets(self) -> tuple[ObjectRef, ...]:
        """What it is attached to, however many fields name it; nothing: to pods, by its selector."""
        return self.target_refs or ((self.target_ref,) if self.target_ref else ())

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that its selector wants of pods."""
        return self.selector.match_labels


UNSET = "UNSET"
"""The mode that leaves it to the next level: workload, namespace, mesh."""


class MutualTLS(Node):
    """UNSET, DISABLE, PERMISSIVE or STRICT."""

    mode = text("mode", UNSET)


class PeerAuthentication(PolicySpec):
    """Which connections a server takes: mutual TLS alone, plaintext alone, or both."""

    mtls = node("mtls", MutualTLS)
    ports = named("portLevelMtls", MutualTLS)


class TokenHeader(Node):
    """A header that may hold a token, and what stands before it there [Istio: JWTHeader]."""

    name = text("name")
    prefix = text("prefix")


class ClaimHeader(Node):
    """A header that is to tell the server a claim [Istio: ClaimToHeader]."""

    header = text("header")
    claim = text("claim")


class JWTRule(Node):
    """Whose tokens are taken, where they are looked for, and what is passed on of them."""

    issuer = text("issuer")
    audiences = texts("audiences")
    jwks = text("jwks")
    jwks_uri = text("jwksUri")
    from_headers = nodes("fromHeaders", TokenHeader)
    from_params = texts("fromParams")
    from_cookies = texts("fromCookies")
    forward_original_token = boolean("forwardOriginalToken")
    output_payload_to_header = text("outputPayloadToHeader")
    output_claim_to_headers = nodes("outputClaimToHeaders", ClaimHeader)
    space_delimited_claims = texts("spaceDelimitedClaims")


class RequestAuthentication(PolicySpec):
    """The tokens that a server's proxy verifies; a request without any passes."""

    rules = nodes("jwtRules", JWTRule)
