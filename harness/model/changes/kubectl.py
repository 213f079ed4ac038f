"""What changes a cluster: what `kubectl` does, and what a migration does with meshes: bring and take them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.definition import DEFINITION, MUTATING, CustomResourceDefinition
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.workload import is_workload
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.vocabulary import Workload
from harness.model.changes.draft import GATEWAY, Draft
from harness.model.changes.pods import webhooks_in
from harness.model.planes import CONTROL_PLANES
from harness.model.state import State, namespace_object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.changes.draft import Amend


def apply(state: State, resources: Iterable[Resource], amend: Amend | None = None) -> State:
    """Returns the state after `kubectl apply` of these objects, in their order, at one instant.

    Definitions come first, so that the kinds are there of which objects follow.
    Raises Refused where the API server or a webhook refuses one, NotModelledError for what the model
    doesn't understand. With `amend` nothing is raised: what it makes of an object (None: nothing) takes
    the object's place.
    """
    draft = Draft(state)
    for resource in sorted(resources, key=lambda resource: resource.key[:2] != DEFINITION):
        if amend:
            draft.admit_amended(resource, amend)
        else:
            draft.admit(resource)
    draft.deploy()
    return draft.state()


def remove(state: State, resources: Iterable[Resource]) -> State:
    """Returns the state without objects: a Namespace takes what is in it along, a definition its kind's."""
    gone = {resource.key for resource in resources}
    there = {key: stored.live for key, stored in state.objects.items()}
    kinds = {
        CustomResourceDefinition.kept(live).defines
        for key, live in there.items()
        if key in gone and key[:2] == DEFINITION
    }
    gone |= {key for key in there if key[:2] in kinds} if kinds else set()
    for gateway in [live for key, live in there.items() if key in gone and key[:2] == GATEWAY]:
        gone |= {key for key, live in there.items() if _is_made_for(gateway, live)}
    namespaces = {name for _, kind, _, name in gone if kind == "Namespace"}
    objects = {
        key: stored for key, stored in state.objects.items() if key not in gone and key[2] not in namespaces
    }
    kept = {Workload(*key[2:]) for key, stored in objects.items() if is_workload(stored.live)}
    running = {workload: pods for workload, pods in state.running.items() if workload in kept}
    served = state.served.without_definitions(kinds)
    return replace(state, served=served, objects=objects, running=running)


def mark(
    state: State,
    namespace: str,
    labels: Mapping[str, str | None] | None = None,
    annotations: Mapping[str, str | None] | None = None,
) -> State:
    """Returns the state with labels and annotations of a Namespace set, or removed where None.

    The Namespace is made if it isn't there. As with `kubectl label`, a later apply of the
    Namespace leaves these marks alone unless its manifest says otherwise.
    """
    stored = state.objects.get(("", "Namespace", "", namespace))
    if stored is None:
        return mark(apply(state, [namespace_object(namespace)]), namespace, labels, annotations)
    marked = stored.marked(labels or {}, annotations or {})
    return replace(state, objects={**state.objects, stored.live.key: marked})


def restart(state: State, *namespaces: str, workload: str | None = None) -> State:
    """Returns the state after a restart of namespaces' workloads, or of one there: injected anew."""
    draft = Draft(state)
    for (_, _, namespace, name), stored in state.objects.items():
        if namespace in namespaces and workload in (None, name) and is_workload(stored.live):
            draft.start(stored.live)
    return replace(state, running=draft.state().running)


def _is_made_for(gateway: Resource, resource: Resource) -> bool:
    """Whether an object was made for this Gateway, and goes with it."""
    return resource.namespace == gateway.namespace and any(
        (owner.kind, owner.name) == (gateway.kind, gateway.name) and owner.api_version.startswith(GATEWAY[0])
        for owner in Metadata.of(resource).owners
    )


def install(state: State, mesh: Mesh, wanted: Iterable[Resource] = ()) -> State:
    """Returns the state with a mesh's control plane; nothing changes if it is there already.

    It is a default installation, but for what objects ask of it that are `wanted` there (a revision).
    """
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
    for resource in (*plane.installed, *plane.beside(wanted)):
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
