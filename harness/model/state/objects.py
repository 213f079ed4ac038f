"""What can be asked of a cluster's objects, whether its state stands or is being made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from harness.api.served import Served
    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh

Key = tuple[str, str, str, str]
"""API group, kind, namespace and name of an object."""


class Objects(Protocol):
    """The objects of a cluster and the meshes that are installed in it."""

    @property
    def meshes(self) -> frozenset[Mesh]:
        """The meshes that are installed."""

    @property
    def served(self) -> Served:
        """The kinds that are served beside Kubernetes' own."""

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object, or None if there is none."""

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind (in one namespace, or in all)."""
