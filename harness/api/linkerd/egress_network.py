"""EgressNetwork: places outside of the cluster, and whether what no route takes may go there."""

from __future__ import annotations

from harness.api.linkerd.networks import NetworkBlock
from harness.api.node import Spec, nodes, text


class EgressNetwork(Spec):
    """Networks; where `has("networks")` is false everything outside of the cluster is meant."""

    networks = nodes("networks", NetworkBlock)
    _traffic_policy = text("trafficPolicy")

    @property
    def allows(self) -> bool:
        """Whether it lets pass what no route on it takes."""
        return self._traffic_policy == "Allow"
