"""What each object says of itself, and its spec as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.base.resources import Resource

Fields = dict[str, Any]


def spec_of(resource: Resource) -> Fields:
    """Returns the object's spec, empty if it has none."""
    return resource.data.get("spec") or {}


def labels_of(resource: Resource) -> dict[str, str]:
    """Returns the object's labels."""
    return (resource.data.get("metadata") or {}).get("labels") or {}


def annotations_of(resource: Resource) -> dict[str, str]:
    """Returns the object's annotations."""
    return (resource.data.get("metadata") or {}).get("annotations") or {}
