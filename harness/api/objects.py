"""Reading Kubernetes objects: their parts, their selectors, and reasons that name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Returns whether the labels have all wanted ones; nothing wanted selects everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def label_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Returns whether a LabelSelector selects these labels; an empty one selects everything."""
    if not selector:
        return True
    if not selects(selector.get("matchLabels") or {}, labels):
        return False
    return all(_expression(part, labels) for part in selector.get("matchExpressions") or ())


def _expression(part: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(part["key"]), part.get("values") or ()
    match part["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
