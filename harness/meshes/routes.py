"""Whether each controller has taken a Gateway API route in, by the route's own status."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.cluster.api.client import Json
    from harness.cluster.control_plane import ControlPlane

ROUTE_KINDS = frozenset(("HTTPRoute", "GRPCRoute"))
"""Those on which both controllers report in every installation."""


def unreported(
    route: Json, planes: Iterable[ControlPlane], services: Collection[tuple[str, str]]
) -> str | None:
    """Returns which controller hasn't reported on the route's present generation; None if all have.

    Asked are those that report on one of its parents among `services`, the namespaces and names of
    those that exist. A condition without observedGeneration counts as present: the field is
    optional [Kubernetes: Condition], and Linkerd leaves it out.
    """
    metadata, group = route["metadata"], str(route["apiVersion"]).rpartition("/")[0]
    statuses = (route.get("status") or {}).get("parents") or ()
    for plane in planes:
        for parent in (route.get("spec") or {}).get("parentRefs") or ():
            there = (parent.get("namespace") or metadata["namespace"], parent.get("name")) in services
            asked = there and plane.reports_on(group, parent)
            if asked and not _reported(parent, plane.controller, statuses, metadata.get("generation", 1)):
                return (
                    f"{plane.controller} hasn't reported on parent {parent.get('kind')} {parent.get('name')}"
                )
    return None


def _reported(parent: Json, controller: str, statuses: Iterable[Json], generation: int) -> bool:
    return any(
        status.get("controllerName") == controller
        and status["parentRef"].get("name") == parent.get("name")
        and all(
            condition.get("observedGeneration", generation) >= generation
            for condition in status.get("conditions") or ()
        )
        for status in statuses
    )
