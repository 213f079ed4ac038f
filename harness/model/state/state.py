"""The state of a cluster: its objects, the meshes installed, and the pods that run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from harness.api.served import NOTHING, Served

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh, Workload
    from harness.model.state.pods import Pod
    from harness.model.state.stored import Stored


@dataclass(frozen=True)
class State:
    """A cluster's state: a value, of which `harness.model.changes` makes others.

    Pods are snapshots: proxies, labels, annotations and identity are those of the moment they
    were started. A change of a Namespace acts on pods started later, a change of a workload's
    template (or its replicas) starts its pods anew. `clock` counts the changes that objects came by.
    `lookups` keeps what was derived of the state (see `tables`).
    """

    meshes: frozenset[Mesh] = frozenset()
    served: Served = NOTHING
    objects: Mapping[Key, Stored] = field(default_factory=dict)
    running: Mapping[Workload, tuple[Pod, ...]] = field(default_factory=dict)
    clock: int = 0
    lookups: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """All running pods."""
        return tuple(pod for pods in self.running.values() for pod in pods)

    def stored(self, group: str, kind: str) -> tuple[Stored, ...]:
        """Returns the objects of a kind with what is known about them, older first."""
        return tuple(self._by_age.get((group, kind, None), ()))

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind (in one namespace, or in all), older first.

        For what asks on every request there are tables instead: see `tables`.
        """
        return tuple(one.live for one in self._by_age.get((group, kind, namespace), ()))

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object, or None if there is none."""
        stored = self.objects.get((group, kind, namespace, name))
        return stored.live if stored else None

    def pods_of(self, workload: Workload) -> tuple[Pod, ...]:
        """Returns a workload's running pods, none if there is no such workload."""
        return self.running.get(workload, ())

    @cached_property
    def _by_age(self) -> dict[tuple[str, str, str | None], list[Stored]]:
        """Objects by API group, kind and namespace (None: in all of them), older first."""
        table: dict[tuple[str, str, str | None], list[Stored]] = {}
        for stored in sorted(self.objects.values(), key=lambda stored: stored.age):
            live = stored.live
            for namespace in {None, live.namespace}:
                table.setdefault((live.group, live.kind, namespace), []).append(stored)
        return table


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
