"""What a migration does with meshes: brings a control plane in, takes it away, gives namespaces to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import marks
from harness.base.vocabulary import Mesh
from harness.model.changes import installation
from harness.model.changes.draft import Draft
from harness.model.changes.kubectl import mark
from harness.model.linkerd.routing.index import accepts

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.model.state.state import State


def install(state: State, mesh: Mesh) -> State:
    """Returns the state with a mesh's control plane; nothing changes if it is there already."""
    if mesh in state.meshes:
        return state
    installed = replace(state, meshes=state.meshes | {mesh}, gateway_api=True)
    if mesh is Mesh.LINKERD:  # its index starts empty: what it refuses has no version before
        indexed = {
            key: replace(stored, indexed=stored.live if accepts(stored.live) else None)
            for key, stored in state.objects.items()
        }
        installed = replace(installed, objects=indexed)
    draft = Draft(installed)
    for resource in installation.objects(mesh):
        draft.put(resource)
    draft.deploy()
    return draft.state()


def uninstall(state: State, mesh: Mesh) -> State:
    """Returns the state without a mesh: its control plane, kinds and webhooks are gone.

    Pods keep the proxies that they were started with until they are restarted.
    """
    if mesh not in state.meshes:
        return state
    namespaces = {resource.name for resource in installation.objects(mesh) if resource.kind == "Namespace"}
    objects = {
        key: stored
        for key, stored in state.objects.items()
        if not installation.belongs(stored.live, mesh, namespaces)
    }
    running = {w: pods for w, pods in state.running.items() if w.namespace not in namespaces}
    return replace(state, meshes=state.meshes - {mesh}, objects=objects, running=running)


def place(state: State, namespace: str, meshes: Collection[Mesh]) -> State:
    """Returns the state with a Namespace that asks these meshes to inject, and no other."""
    return mark(state, namespace, *marks.placing(meshes))
