"""An object as a cluster keeps it, with what an apply or a label changes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.api.objects import annotations_of, labels_of
from harness.base.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

Entries = dict[str, str]


@dataclass(frozen=True)
class Stored:
    """An object in the cluster.

    `created` tells when it was made: the time that a dump knew, if it is from one, and the instant
    at which it was applied (objects applied together share one). `applied` is the
    object as it was last applied, `indexed` the version that Linkerd's index holds, if any: it
    refuses some updates and then keeps the version before.
    """

    live: Resource
    applied: Resource
    created: tuple[str, int]
    indexed: Resource | None = None

    @property
    def age(self) -> tuple[bool, str, int, str, str]:
        """The order in which meshes prefer objects: older first, then by namespace and name.

        What a live cluster's dump gave a time is older than what is yet to be applied.
        """
        time, instant = self.created
        return (not time, time, instant, self.live.namespace, self.live.name)

    def marked(self, labels: Mapping[str, str | None], annotations: Mapping[str, str | None]) -> Stored:
        """Returns it with labels and annotations set, or removed where None."""
        changed = _changed(labels_of(self.live), labels), _changed(annotations_of(self.live), annotations)
        return replace(self, live=_with(self.live, *changed))

    def keeping_marks(self, applied: Resource) -> Resource:
        """Returns the object after an apply: marks that the last applied manifest didn't set stay."""

        def kept(live: Entries, before: Entries, new: Entries) -> Entries:
            return {key: value for key, value in live.items() if key not in before} | new

        return _with(
            applied,
            kept(labels_of(self.live), labels_of(self.applied), labels_of(applied)),
            kept(annotations_of(self.live), annotations_of(self.applied), annotations_of(applied)),
        )


def namespace_object(name: str) -> Resource:
    """Returns a Namespace as it is without a manifest: with a name alone."""
    data = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return Resource("v1", "Namespace", "", name, data)


def namespace_labels(namespace: Resource | None, name: str) -> dict[str, str]:
    """Returns a Namespace's labels, with the one that the API server gives to each."""
    return {**(labels_of(namespace) if namespace else {}), "kubernetes.io/metadata.name": name}


def _with(resource: Resource, labels: Entries, annotations: Entries) -> Resource:
    metadata: dict[str, Any] = {
        **(resource.data.get("metadata") or {}),
        "labels": labels,
        "annotations": annotations,
    }
    return replace(resource, data={**resource.data, "metadata": metadata})


def _changed(entries: Entries, changes: Mapping[str, str | None]) -> Entries:
    merged: dict[str, str | None] = {**entries, **changes}
    return {key: value for key, value in merged.items() if value is not None}
