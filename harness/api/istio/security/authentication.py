"""Who must show what: PeerAuthentication, RequestAuthentication, and what all security policies have.

[Istio: security/v1, type/v1beta1]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.gateway_api.reference import ObjectRef
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Mapping


GROUP = "security.istio.io"


class PolicySpec(Spec):
    """A policy for some pods of its namespace; in the root namespace, of the whole mesh."""

    selector = field.node("selector", LabelSelector)
    target_ref = field.node("targetRef", ObjectRef)
    target_refs = field.nodes("targetRefs", ObjectRef)

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

    mode = field.text("mode", UNSET)


class PeerAuthentication(PolicySpec):
    """Which connections a server takes: mutual TLS alone, plaintext alone, or both."""

    mtls = field.node("mtls", MutualTLS)
    ports = field.named("portLevelMtls", MutualTLS)


class TokenHeader(Node):
    """A header that may hold a token, and what stands before it there [Istio: JWTHeader]."""

    name = field.text("name")
    prefix = field.text("prefix")


class ClaimHeader(Node):
    """A header that is to tell the server a claim [Istio: ClaimToHeader]."""

    header = field.text("header")
    claim = field.text("claim")


class JWTRule(Node):
    """Whose tokens are taken, where they are looked for, and what is passed on of them."""

    issuer = field.text("issuer")
    audiences = field.texts("audiences")
    jwks = field.text("jwks")
    jwks_uri = field.text("jwksUri")
    from_headers = field.nodes("fromHeaders", TokenHeader)
    from_params = field.texts("fromParams")
    from_cookies = field.texts("fromCookies")
    forward_original_token = field.boolean("forwardOriginalToken")
    output_payload_to_header = field.text("outputPayloadToHeader")
    output_claim_to_headers = field.nodes("outputClaimToHeaders", ClaimHeader)
    space_delimited_claims = field.texts("spaceDelimitedClaims")


class RequestAuthentication(PolicySpec):
    """The tokens that a server's proxy verifies; a request without any passes."""

    rules = field.nodes("jwtRules", JWTRule)
