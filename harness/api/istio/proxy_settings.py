"""EnvoyFilter, WasmPlugin, Telemetry, ProxyConfig: what is set for the proxies of some pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.istio.security.authentication import PolicySpec
from harness.api.node import Node

if TYPE_CHECKING:
    from collections.abc import Mapping


class WorkloadSelector(Node):
    """The labels of pods, as an EnvoyFilter wants them."""

    labels = field.labels("labels")


class PatchMatch(Node):
    """What a patch is for: ANY, GATEWAY, SIDECAR_INBOUND or SIDECAR_OUTBOUND."""

    context = field.text("context", "ANY")


class ConfigPatch(Node):
    """A change of Envoy's configuration."""

    match = field.node("match", PatchMatch)


class ProxySettings(PolicySpec):
    """Settings of the proxies that it selects, by either form of selector."""

    workload_selector = field.node("workloadSelector", WorkloadSelector)
    patches = field.nodes("configPatches", ConfigPatch)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that it wants of pods."""
        return self.selector.match_labels or self.workload_selector.labels

    @property
    def contexts(self) -> frozenset[str]:
        """The contexts of its patches; without patches it is for any."""
        return frozenset(patch.match.context for patch in self.patches) or frozenset(("ANY",))
