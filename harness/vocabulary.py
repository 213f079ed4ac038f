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
