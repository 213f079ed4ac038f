"""RequestAuthentication: which tokens are verified [Istio: security/v1, RequestAuthentication]."""

from __future__ import annotations

from harness.api.istio.security.policies import PolicySpec
from harness.api.node import Node, boolean, nodes, text, texts

KIND = "RequestAuthentication"


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
