"""What each object says of itself: its name, labels, annotations, and what owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.node import Node, Section
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource


class OwnerReference(Node):
    """An object that owns another; `controller` tells that it made it."""

    api_version = field.text("apiVersion")
    kind = field.text("kind")
    name = field.text("name")
    uid = field.text("uid")
    controller = field.boolean("controller")


class Manager(Node):
    """Who wrote fields of an object."""

    manager = field.text("manager")


class Metadata(Section):
    """The metadata of an object, or of the pods that a workload makes."""

    section = "metadata"

    name = field.text("name")
    namespace = field.text("namespace")
    uid = field.text("uid")
    generation = field.integer("generation")
    created = field.text("creationTimestamp")
    deleted = field.text("deletionTimestamp")
    annotations = field.labels("annotations")
    labels = field.labels("labels")
    owners = field.nodes("ownerReferences", OwnerReference)
    finalizers = field.texts("finalizers")
    managers = field.nodes("managedFields", Manager)

    @property
    def controller(self) -> OwnerReference | None:
        """What made the object, if a controller did."""
        return next((owner for owner in self.owners if owner.controller and owner.name), None)


_DERIVED = ("Secret", "Node", "Endpoints", "EndpointSlice")


def configuration(objects: Iterable[Resource]) -> tuple[Resource, ...]:
    """Returns a live cluster's objects without what its controllers made, and what holds no configuration."""
    return tuple(
        resource
        for resource in objects
        if resource.kind not in _DERIVED
        and Metadata.of(resource).controller is None
        and resource.namespace not in PLATFORM - {ROOT_NAMESPACE}
    )


def labels_of(resource: Resource) -> dict[str, str]:
    """Returns the object's labels."""
    return (resource.data.get("metadata") or {}).get("labels") or {}


def annotations_of(resource: Resource) -> dict[str, str]:
    """Returns the object's annotations."""
    return (resource.data.get("metadata") or {}).get("annotations") or {}
