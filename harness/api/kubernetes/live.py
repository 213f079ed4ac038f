"""What of a live cluster's objects somebody configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource

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
