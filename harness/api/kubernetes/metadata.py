"""What each object says of itself: its name, labels, annotations, and what owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from harness.api.node import Node, boolean, integer, labels, nodes, text, texts

if TYPE_CHECKING:
    from harness.base.resources import Resource


class OwnerReference(Node):
    """An object that owns another; `controller` tells that it made it."""

    api_version = text("apiVersion")
    kind = text("kind")
    name = text("name")
    uid = text("uid")
    controller = boolean("controller")


class Metadata(Node):
    """The metadata of an object, or of the pods that a workload makes."""

    name = text("name")
    namespace = text("namespace")
    uid = text("uid")
    generation = integer("generation")
    created = text("creationTimestamp")
    deleted = text("deletionTimestamp")
    annotations = labels("annotations")
    labels = labels("labels")
    owners = nodes("ownerReferences", OwnerReference)
    finalizers = texts("finalizers")

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """Returns a fresh reading of an object's metadata."""
        return cls(resource, "metadata", resource.data.get("metadata"))

    @property
    def controller(self) -> OwnerReference | None:
        """What made the object, if a controller did."""
        return next((owner for owner in self.owners if owner.controller and owner.name), None)
