"""What all of Istio's security policies have in common: whom they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import Fields, spec_of

if TYPE_CHECKING:
    from harness.base.resources import Resource


def targets(spec: Fields) -> list[Fields]:
    """Returns a policy's targets, however many fields name them."""
    return spec.get("targetRefs") or ([spec["targetRef"]] if spec.get("targetRef") else [])


def match_labels(resource: Resource) -> dict[str, str]:
    """Returns the labels that a policy's selector wants of pods."""
    return (spec_of(resource).get("selector") or {}).get("matchLabels") or {}
