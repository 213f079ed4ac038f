"""A cluster's state as manifests describe it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import marks, placement, served
from harness.api.kubernetes.definition import DEFINITION, MUTATING
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import is_workload, template_of
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP, READ
from harness.api.served import NOTHING
from harness.base.errors import InputError, did_you_mean, not_modelled
from harness.base.vocabulary import LINKERD_NAMESPACE, ROOT_NAMESPACE, Mesh
from harness.manifests.documents import keeping_all
from harness.manifests.files import read
from harness.manifests.objects import Reading
from harness.model.changes.admission import checked
from harness.model.changes.kubectl import apply, install, place, restart
from harness.model.changes.pods import is_controlled, observe
from harness.model.planes import CONTROL_PLANES
from harness.model.state import State, namespace_object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.base.resources import Resource
    from harness.model.leniency import Leniency


_FIRST = frozenset((DEFINITION, ("", "Namespace")))
_MARKED = (("", "Namespace"), ("", "Service"))
_HOMES = (ROOT_NAMESPACE, LINKERD_NAMESPACE)


@keeping_all()
def load(
    paths: Iterable[Path],
    meshes: Collection[Mesh] | None = None,
    placed: Mapping[str, Mesh | None] | None = None,
    leniency: Leniency | None = None,
) -> State:
    """Returns the state of a cluster to which these manifests were applied, its pods started at the end.

    Pods that a dump shows are as it shows them, but in namespaces that are `placed`.

    A path is read as `manifests.files.read` does; what a later path brings is younger. Namespaces that
    no manifest declares are there, too. Installed are `meshes`, or those that the manifests use, and
    those of `placed`, which gives namespaces to a mesh (None: to none) whatever their labels say.
    Where nothing says which mesh holds a namespace, and nothing is `placed`, the one mesh holds all of them.
    Raises InputError for unreadable files and unknown namespaces, Refused where the API or a
    webhook refuses an object, NotModelledError for what the model doesn't understand; with leniency the
    last two are none, and objects are amended.
    """
    return load_objects(read(paths, Reading(running=True)).batches, meshes, placed, leniency)


@keeping_all()
def load_objects(
    batches: Iterable[Iterable[Resource]],
    meshes: Collection[Mesh] | None = None,
    placed: Mapping[str, Mesh | None] | None = None,
    leniency: Leniency | None = None,
) -> State:
    """Returns the same of objects, each batch applied at one instant."""
    batches = [tuple(_readable(batch, leniency)) for batch in batches]
    resources = [resource for batch in batches for resource in batch]
    wanted = frozenset(meshes_used(resources)) if meshes is None else frozenset(meshes)
    assumed = next(iter(wanted)) if placed is None and len(wanted) == 1 else None
    unplaced = placement.unplaced(resources) if assumed else ()
    placed = placed or dict.fromkeys(unplaced, assumed)
    # Manifests that hold the Gateway API's objects are of a cluster that has its CRDs.
    uses_gateway_api = any(resource.group == GATEWAY_API for resource in resources)
    state = State(served=NOTHING.having(served.GATEWAY_API) if uses_gateway_api else NOTHING)
    for mesh in sorted(wanted.union(mesh for mesh in placed.values() if mesh)):
        state = install(state, mesh, resources)
    state = apply(state, (resource for resource in resources if resource.key[:2] == DEFINITION), leniency)
    # Pods are started as their namespaces stand: those come first, wherever they are declared.
    namespaces = _namespaces(resources)
    state = apply(state, map(namespace_object, namespaces))
    state = apply(state, (resource for resource in resources if resource.kind == "Namespace"), leniency)
    for namespace, chosen in placed.items():
        if namespace not in namespaces:
            raise InputError(
                f"no manifest has anything in a namespace {namespace!r}",
                todo=did_you_mean(namespace, namespaces),
            )
        state = place(state, namespace, [chosen] if chosen else [])
    for batch in batches:
        others = (each for each in batch if each.key[:2] not in _FIRST and not is_controlled(each))
        state = apply(state, others, leniency)
    if leniency or any(map(_tells_injectors, resources)):  # else pods stand as they would be started now
        state = restart(state, *namespaces)
    state = observe(state, (each for each in resources if each.namespace not in placed))
    unsure = tuple(CONTROL_PLANES[assumed].unsure(resources)) if unplaced and assumed else ()
    if unsure and leniency is None:
        raise not_modelled(unsure[0].resource, unsure[0].field, unsure[0].why)
    left_out = (*(leniency.omissions if leniency else ()), *unsure)
    return replace(state, assumed=assumed if unplaced else None, left_out=left_out)


def _tells_injectors(resource: Resource) -> bool:
    """Whether an object counts when pods start: webhooks, and the settings of an installation."""
    kind = resource.key[:2]
    return kind == MUTATING or (kind == ("", "ConfigMap") and resource.namespace in _HOMES)


def _readable(resources: Iterable[Resource], leniency: Leniency | None) -> Iterator[Resource]:
    """The objects, those that tell which meshes are used checked first."""
    for resource in resources:
        if (resource.group, resource.kind) not in READ:
            yield resource
        elif leniency is None:
            yield checked(resource)
        elif taken := leniency.taken(resource, checked):
            yield taken


def meshes_used(resources: Iterable[Resource]) -> Iterator[Mesh]:
    """Yields the meshes that objects are written for: by their kind, by what injectors read, by proxies."""
    for resource in resources:
        if resource.group in MESH_OF_GROUP:
            yield MESH_OF_GROUP[resource.group]
        elif meshes := [mesh for mesh, plane in CONTROL_PLANES.items() if plane.implements(resource)]:
            yield from meshes
        elif resource.key[:2] in _MARKED:
            yield from marks.addressed(labels_of(resource), annotations_of(resource))
        elif (resource.group, resource.kind) in READ or is_workload(resource):
            template = template_of(resource)
            yield from marks.addressed(template.metadata.labels, template.metadata.annotations)
            proxies = {container.name for container in template.spec.lasting}
            yield from (mesh for mesh in Mesh if mesh.proxy in proxies)


def _namespaces(resources: Iterable[Resource]) -> tuple[str, ...]:
    names = (resource.name if resource.kind == "Namespace" else resource.namespace for resource in resources)
    return tuple(namespace for namespace in dict.fromkeys(names) if namespace)
