"""PeerAuthentication: which mutual TLS servers ask for [Istio: security/v1, PeerAuthentication]."""

from __future__ import annotations

from harness.api.istio.security.policies import PolicySpec
from harness.api.node import Node, named, node, text

KIND = "PeerAuthentication"
UNSET = "UNSET"
"""The mode that leaves it to the next level: workload, namespace, mesh."""


class MutualTLS(Node):
    """UNSET, DISABLE, PERMISSIVE or STRICT."""

    mode = text("mode", UNSET)


class PeerAuthentication(PolicySpec):
    """Which connections a server takes: mutual TLS alone, plaintext alone, or both."""

    mtls = node("mtls", MutualTLS)
    ports = named("portLevelMtls", MutualTLS)
