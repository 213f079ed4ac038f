"""The data planes and control planes that there are, and which data plane takes a pod's connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh
from harness.model.data_plane import DataPlane
from harness.model.istio.control_plane import IstioControlPlane
from harness.model.istio.data_plane import IstioDataPlane
from harness.model.istio.gateway import ingress
from harness.model.istio.gateway import server as gateway_server
from harness.model.linkerd.control_plane import LinkerdControlPlane
from harness.model.linkerd.data_plane import LinkerdDataPlane
from harness.model.network import attachment
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import Resource
    from harness.model.control_plane import ControlPlane
    from harness.model.message import Answers, Arrival, Deliver
    from harness.model.state import Pod, State

PLANES: Mapping[Mesh | None, DataPlane] = {
    plane.mesh: plane for plane in (IstioDataPlane(), LinkerdDataPlane(), DataPlane())
}
"""By the mesh whose proxy takes a pod's connections; a further data plane is one more here."""

CONTROL_PLANES: Mapping[Mesh, ControlPlane] = {
    Mesh.ISTIO: IstioControlPlane(),
    Mesh.LINKERD: LinkerdControlPlane(),
}
"""By mesh, in the order in which their webhooks run."""

Gateway = Callable[["State", "Arrival", "Deliver"], "Answers"]

GATEWAYS: Mapping[Mesh, Gateway] = {Mesh.ISTIO: ingress.receive}
"""What a mesh's gateways answer; the function is told how they send on."""

HasHost = Callable[["State", "Pod", int, str], bool]

HOSTS: Mapping[Mesh, HasHost] = {Mesh.ISTIO: gateway_server.has_host}
"""Whether a port of a mesh's gateway is open for a host."""


def of(pod: Pod) -> DataPlane:
    """Returns the data plane that takes a pod's connections: the first proxy's, if it has several."""
    return PLANES[pod.mesh]


def unread(state: State, own: DataPlane, client: Pod, service: Resource) -> tuple[Step, ...]:
    """Returns the routes of a Service that don't count: the client's own plane doesn't read them."""
    planes = PLANES.values()
    others = (plane for plane in planes if plane is not own)
    missed = [(plane, *route) for plane in others for route in plane.routes(state, service)]
    for stored in attachment.naming(state, service):
        readers = [plane for plane in planes if stored.live.group in plane.route_groups]
        if readers and own not in readers:
            missed.append((readers[0], stored.live, "spec.parentRefs"))
    text = "doesn't count: {} has {} proxy"
    return tuple(
        step(route, field, Action.HIDDEN, text, client.workload, _lacking(own, plane))
        for plane, route, field in missed
    )


def _lacking(own: DataPlane, other: DataPlane) -> str:
    """Which proxy a client has, instead of another."""
    if own.mesh is None or other.mesh is None:
        return "no"
    return f"{own.mesh.title()}'s, not {other.mesh.title()}'s,"
