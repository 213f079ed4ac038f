"""The VirtualServices that a client's sidecar is told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH, visibility
from harness.api.istio.virtual_service import VirtualService
from harness.model.istio import mesh_config, revision
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.routing import virtual_service
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.istio.registry.sidecar_scope import Scope
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

Told = tuple[int, "Resource"]


def told(state: State, client: Pod, *hosts: str) -> tuple[list[Told], list[Step]]:
    """Returns the VirtualServices with a host that covers one of these, and why others don't count.

    Each comes with the class in which the client sees it (lower ones are looked at first), older first.
    """
    scope = sidecar_scope.of(state, client)
    found: list[Told] = []
    lost: list[Step] = []
    for resource in virtual_service.by_host(state).covering(*hosts):
        seen, why = _seen(state, client, scope, resource)
        if seen is not None:
            found.append((seen, resource))
        elif why is not None:
            lost.append(why)
    lost += [
        revision.passed_over(state, resource)
        for resource in revision.apart(state, *VirtualService.KIND)
        if MESH in virtual_service.gateways(resource) and virtual_service.speaks_for(resource, *hosts)
    ]
    return found, lost


def _seen(state: State, client: Pod, scope: Scope, resource: Resource) -> tuple[int | None, Step | None]:
    if MESH not in virtual_service.gateways(resource):
        text = "is bound to gateways only: no effect on sidecars"
        return None, step(resource, "spec.gateways", Action.IGNORED, text)
    seen = visibility(resource, client.namespace, mesh_config.of(state).virtual_service_export_to)
    if seen is None:
        text = "isn't exported to namespace {}"
        return None, step(resource, "spec.exportTo", Action.HIDDEN, text, client.namespace)
    if not scope.has_rules(resource.namespace, virtual_service.hosts(resource)):
        return None, scope.hidden(resource, "hosts of {}", resource)
    return seen, None
