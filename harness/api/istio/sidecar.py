"""Sidecar: what clients' proxies are told of the mesh [Istio: networking/v1, Sidecar]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.node import Node, Spec, labels, node, nodes, optional_node, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND = ("networking.istio.io", "Sidecar")
ALLOW_ANY, REGISTRY_ONLY = "ALLOW_ANY", "REGISTRY_ONLY"


class WorkloadSelector(Node):
    """The labels of the workloads that are meant."""

    labels = labels("labels")


class EgressListener(Node):
    """The hosts that proxies know, as `namespace/host`."""

    hosts = texts("hosts")
    capture_mode = text("captureMode")


class OutboundTrafficPolicy(Node):
    """What becomes of requests for hosts that a proxy doesn't know."""

    mode = text("mode")


class Sidecar(Spec):
    """The hosts that some workloads' proxies know, and what they do with requests for others."""

    workload_selector = node("workloadSelector", WorkloadSelector)
    egress = nodes("egress", EgressListener)
    outbound_traffic_policy = optional_node("outboundTrafficPolicy", OutboundTrafficPolicy)

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels of the workloads that it is for; none: for all."""
        return self.workload_selector.labels
