"""The labels and annotations of objects, whatever kind they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.base.resources import Resource


def labels_of(resource: Resource) -> dict[str, str]:
    """Returns the object's labels."""
    return (resource.data.get("metadata") or {}).get("labels") or {}


def annotations_of(resource: Resource) -> dict[str, str]:
    """Returns the object's annotations."""
    return (resource.data.get("metadata") or {}).get("annotations") or {}
