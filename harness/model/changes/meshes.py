"""What a migration does with meshes: brings a control plane in, takes it away, gives namespaces to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.definition import DEFINITION, MUTATING, CustomResourceDefinition
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.model.changes.draft import Draft
from harness.model.changes.injection import webhooks_in
from harness.model.changes.kubectl import mark
from harness.model.planes import CONTROL_PLANES

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.state import State


def install(state: State, mesh: Mesh) -> State:
    """Returns the state with a mesh's control plane; nothing changes if it is there already."""
    if mesh in state.meshes:
        return state
    installed = replace(state, meshes=state.meshes | {mesh}, served=state.served.with_mesh(mesh))
    plane = CONTROL_PLANES[mesh]
    # Its index starts empty: what it refuses has no version before.
    indexed = {
        key: stored if plane.indexes(stored.live) else replace(stored, indexed=None)
        for key, stored in state.objects.items()
    }
    draft = Draft(replace(installed, objects=indexed))
    for resource in plane.installed:
        draft.put(resource)
    draft.deploy()
    return draft.state()


def uninstall(state: State, mesh: Mesh) -> State:
    """Returns the state without a mesh's control plane, kinds and webhooks; pods keep their proxies."""
    if mesh not in state.meshes:
        return state
    made = CONTROL_PLANES[mesh].installed
    namespaces = {resource.name for resource in made if resource.kind == "Namespace"}
    objects = {
        key: stored for key, stored in state.objects.items() if not _belongs(stored.live, mesh, namespaces)
    }
    running = {w: pods for w, pods in state.running.items() if w.namespace not in namespaces}
    served = state.served.without_mesh(mesh)
    return replace(state, meshes=state.meshes - {mesh}, served=served, objects=objects, running=running)


def place(state: State, namespace: str, meshes: Collection[Mesh]) -> State:
    """Returns the state with a Namespace that asks these meshes to inject, and no other."""
    return mark(state, namespace, *marks.placing(meshes))


def _belongs(resource: Resource, mesh: Mesh, namespaces: Collection[str]) -> bool:
    """Whether an object goes with its mesh: of its kinds, or in its namespaces."""
    if (resource.group, resource.kind) == MUTATING:
        return mesh in webhooks_in(resource)
    if (resource.group, resource.kind) == DEFINITION:
        return MESH_OF_GROUP.get(CustomResourceDefinition.kept(resource).group) is mesh
    name = resource.name if resource.kind == "Namespace" else resource.namespace
    return name in namespaces or MESH_OF_GROUP.get(resource.group) is mesh
