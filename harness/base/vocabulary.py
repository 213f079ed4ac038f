"""The words that every part of the harness shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mesh(StrEnum):
    """A service mesh that can hold a namespace."""

    ISTIO = "istio"
    LINKERD = "linkerd"

    @property
    def proxy(self) -> str:
        """The name of this mesh's proxy container."""
        return f"{self.value}-proxy"


MODELLED = {"Istio": "1.31", "Linkerd": "edge-26.8", "Gateway API": "1.0 to 1.6", "Kubernetes": "1.34"}
"""Of what, in which versions, docs/semantics.md is about."""

ROOT_NAMESPACE = "istio-system"
"""Istio's control plane, and configuration that holds for the whole mesh (`rootNamespace`, by default)."""

LINKERD_NAMESPACE = "linkerd"
"""Linkerd's control plane, as it is installed by default."""

CONTROL_PLANES = {Mesh.ISTIO: ROOT_NAMESPACE, Mesh.LINKERD: LINKERD_NAMESPACE}

_LINKERD_EXTENSIONS = ("linkerd-viz", "linkerd-multicluster")
KUBERNETES = ("kube-system", "kube-public", "kube-node-lease")
PLATFORM = frozenset((*CONTROL_PLANES.values(), *_LINKERD_EXTENSIONS, *KUBERNETES))
"""Namespaces of the meshes' and of Kubernetes' own: no workload there is one of the estate."""


@dataclass(frozen=True, order=True)
class Workload:
    """A Deployment (or StatefulSet), written `namespace/name`."""

    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Workload:
        """Reads `namespace/name`; raises ValueError for anything else."""
        namespace, slash, name = text.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise ValueError(f"{text!r} isn't a workload: write namespace/name")
        return cls(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


CLUSTER_DOMAIN = "cluster.local"
