"""Whether each controller has taken a Gateway API route in, by the route's own status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route, RouteStatus
from harness.api.kubernetes.metadata import Metadata
from harness.api.node import live

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.api.gateway_api.reference import ParentRef
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
    resource = live(route)
    generation, status = Metadata.of(resource).generation or 1, RouteStatus.of(resource)
    for plane in planes:
        for parent in Route.of(resource).parents:
            there = (parent.namespace, parent.name) in services
            asked = there and plane.reports_on(resource.group, parent)
            if asked and not _reported(parent, plane.controller, status, generation):
                return f"{plane.controller} hasn't reported on parent {parent.kind} {parent.name}"
    return None


def _reported(parent: ParentRef, controller: str, status: RouteStatus, generation: int) -> bool:
    return any(
        report.controller == controller
        and report.parent.name == parent.name
        and all((condition.generation or generation) >= generation for condition in report.conditions)
        for report in status.parents
    )
