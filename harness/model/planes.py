"""The data planes and control planes that there are, and which data plane takes a pod's connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh
from harness.model import bare
from harness.model.istio import control_plane as istio_control
from harness.model.istio import data_plane as istio
from harness.model.istio.gateway import ingress
from harness.model.linkerd import control_plane as linkerd_control
from harness.model.linkerd import data_plane as linkerd
from harness.model.network import attachment
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import Resource
    from harness.model.arrival import Arrival, Deliver
    from harness.model.control_plane import ControlPlane
    from harness.model.data_plane import DataPlane
    from harness.model.distribution import Branches
    from harness.model.state.pods import Pod
    from harness.model.state.state import State
    from harness.traffic.outcomes import Outcome

PLANES: tuple[DataPlane, ...] = (istio, linkerd, bare)
"""The first that holds a pod takes its connections; a further data plane is a line here."""

CONTROL_PLANES: Mapping[Mesh, ControlPlane] = {Mesh.ISTIO: istio_control, Mesh.LINKERD: linkerd_control}
"""By mesh, in the order in which their webhooks run."""

Gateway = Callable[["State", "Arrival", "Deliver"], "Branches[Outcome]"]

GATEWAYS: Mapping[Mesh, Gateway] = {Mesh.ISTIO: ingress.receive}
"""What a mesh's gateways answer; the function is told how they send on."""


def of(pod: Pod) -> DataPlane:
    """Returns the data plane that takes a pod's connections."""
    for plane in PLANES:
        if plane.holds(pod):
            return plane
    raise AssertionError(f"no data plane holds {pod.workload}")


def of_mesh(mesh: Mesh) -> DataPlane:
    """Returns the data plane of a mesh's proxies."""
    return next(plane for plane in PLANES if plane.mesh is mesh)


def unread(state: State, own: DataPlane, client: Pod, service: Resource) -> tuple[Step, ...]:
    """Returns the routes of a Service that don't count: the client's own plane doesn't read them."""
    missed = [
        (plane, route, field)
        for plane in PLANES
        if plane is not own
        for route, field in plane.routes(state, service)
    ]
    for stored in attachment.naming(state, service):
        readers = [plane for plane in PLANES if stored.live.group in plane.route_groups]
        if readers and own not in readers:
            missed.append((readers[0], stored.live, "spec.parentRefs"))
    return tuple(
        step(
            route,
            field,
            Action.HIDDEN,
            "doesn't count: {} has {} proxy",
            client.workload,
            _lacking(own, plane),
        )
        for plane, route, field in missed
    )


def _lacking(own: DataPlane, other: DataPlane) -> str:
    """Which proxy a client has, instead of another."""
    if own.mesh is None or other.mesh is None:
        return "no"
    return f"{own.mesh.title()}'s, not {other.mesh.title()}'s,"
