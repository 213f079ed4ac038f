"""The Gateway API: its CRDs, which both meshes' routes need, and what controllers report on its routes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from harness.api.gateway_api.backend_tls import PolicyStatus
from harness.api.gateway_api.gateway import ListenersStatus
from harness.api.gateway_api.route import Route, RouteStatus
from harness.api.kubernetes.definition import release
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import ConditionedStatus
from harness.api.node import live
from harness.api.schema.releases import Release
from harness.base import MissingError, StageError
from harness.cluster.api import timed
from harness.cluster.api.discovery import CRDS
from harness.meshes.charts import objects
from harness.traffic.status import ReportedCondition, Status, StatusParent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.api.gateway_api.reference import ParentRef
    from harness.api.kubernetes.status import StatusCondition
    from harness.cluster.api import Client, Deadline, Json
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.objects.apply import Applier

logger = logging.getLogger(__name__)

ROUTE_KINDS = frozenset(("HTTPRoute", "GRPCRoute"))
"""Those on which both controllers report in every installation."""

PROBE = "httproutes.gateway.networking.k8s.io"


_DOWNLOADS = "https://github.com/kubernetes-sigs/gateway-api/releases/download"


def source(release: str) -> str:
    """Returns the URL of a release's CRDs; raises InputError for a release that there isn't."""
    wanted = Release.parse(release)
    return f"{_DOWNLOADS}/{wanted.tag}/{wanted.channel}-install.yaml"


def ensure(client: Client, applier: Applier, source: str, release: str, deadline: Deadline) -> None:
    """Applies the CRDs of a file or URL, unless the cluster has some already.

    Raises MissingError if the source can't be read, StageError if those that are there are of another release
    and channel than is wanted.
    """
    there = client.find(CRDS.path("", PROBE))
    if there is not None:
        has = Release.of(live(there))
        if release and has != Release.parse(release):
            installed = has or "of an unknown release"
            raise StageError(
                f"the Gateway API {installed} is installed here, and {release} is asked for",
                todo="take another cluster, or change gateway_api in the scenario",
            )
        return
    with timed(logger, f"Gateway API CRDs of {source}"):
        applier.apply(objects(_read(source, deadline), source), deadline)


def release_of(client: Client) -> str:
    """Returns the release and channel of the CRDs that the cluster has; empty if there are none."""
    definition = client.find(CRDS.path("", PROBE))
    return release(live(definition)).removeprefix("v") if definition else ""


def _read(source: str, deadline: Deadline) -> str:
    try:
        if source.startswith(("https://", "http://")):
            return httpx.get(source, follow_redirects=True, timeout=deadline.left).raise_for_status().text
        return Path(source).read_text()
    except (httpx.HTTPError, OSError) as error:
        raise MissingError(
            f"the Gateway API's CRDs can't be had from {source}",
            why=str(error),
            todo="name a file with them (gateway_api_crds)",
        ) from None


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
            due = there and plane.reports_on(resource.group, parent)
            if due and not _reported(parent, plane.controller, status, generation):
                return f"{plane.controller} hasn't reported on parent {parent.kind} {parent.name}"
    return None


def _reported(parent: ParentRef, controller: str, status: RouteStatus, generation: int) -> bool:
    return any(
        report.controller == controller
        and report.parent.name == parent.name
        and all((condition.generation or generation) >= generation for condition in report.conditions)
        for report in status.parents
    )


def reports(data: Json) -> tuple[Status, ...]:
    """Returns what an object's status says: its own conditions, of its listeners, and on its parents.

    Conditions that are about an older generation of the object are left out.
    """
    metadata = Metadata.live(data)
    home, generation = metadata.namespace, metadata.generation or 1

    def present(conditions: Iterable[StatusCondition]) -> tuple[ReportedCondition, ...]:
        return tuple(
            ReportedCondition(each.type, each.status, each.reason)
            for each in conditions
            if (each.generation or generation) >= generation
        )

    listed = [Status("", present(ConditionedStatus.live(data).conditions))]
    listeners = (
        Status(
            "",
            present(each.conditions),
            listener=each.name,
            routes=each.routes,
            kinds=tuple(sorted(taken.kind for taken in each.kinds)),
        )
        for each in ListenersStatus.live(data).listeners
    )
    parents = (
        Status(each.controller, present(each.conditions), _parent(each.parent, home))
        for each in RouteStatus.live(data).parents
    )
    ancestors = (
        Status(each.controller, present(each.conditions), _parent(each.ancestor, home))
        for each in PolicyStatus.live(data).ancestors
    )
    return tuple(report for report in (*listed, *listeners, *parents, *ancestors) if report.conditions)


def _parent(ref: ParentRef, home: str) -> StatusParent:
    return StatusParent(ref.kind, ref.written_namespace or home, ref.name, ref.section, ref.port)
