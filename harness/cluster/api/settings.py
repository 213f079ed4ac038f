"""Every knob of work on a real cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.base import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.base import Installation

GATEWAY_API_CRDS = (
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.4.1/standard-install.yaml"
)


@dataclass(frozen=True)
class ClusterSettings:
    """How meshes are installed, and how probes are sent."""

    istioctl: str = "istioctl"
    linkerd: str = "linkerd"
    helm: str = "helm"
    """Each tool is a path, or a name on PATH."""
    installations: Mapping[Mesh, Installation] = field(default_factory=dict)
    """How meshes are to be installed, whatever a scenario says."""
    istio_config: Path | None = None
    """An IstioOperator file for `istioctl install -f`; None is the default profile."""
    gateway_api_crds: str = GATEWAY_API_CRDS
    """Path or URL of the Gateway API's CRDs."""
    timeout: float = 300.0
    """Seconds for one change to take effect, or for one probe to end."""
    request_timeout: float = 30.0
    """Seconds for one request."""
    parallel: int = 20
    """Clients that share a probe's requests, each with a connection of its own."""
    curl_image: str = "curlimages/curl:8.7.1"
    """The image of the container that sends probes for workloads without curl."""
    openssl_image: str = ""
    """The image of the container that looks at certificates on the wire; empty: one that is there already."""

    def cli(self, mesh: Mesh) -> str:
        """Returns a mesh's own command line tool: its path, or its name on PATH."""
        return {Mesh.ISTIO: self.istioctl, Mesh.LINKERD: self.linkerd}[mesh]
