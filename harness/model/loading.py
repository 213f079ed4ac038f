"""A cluster's state as manifests describe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InputError, did_you_mean
from harness.manifests import read_manifests
from harness.model.admission import checked
from harness.model.objects import annotations_of, labels_of
from harness.model.pods import containers_of, pod_template
from harness.model.schemas import GATEWAY_API, MESH_OF_GROUP, READ
from harness.model.state import State
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.resources import Resource

_ISTIO_LABELS = frozenset(
    (
        "istio-injection",
        "istio.io/rev",
        "sidecar.istio.io/inject",
        "istio.io/dataplane-mode",
        "istio.io/use-waypoint",
    )
)
_LINKERD_ANNOTATION = "linkerd.io/inject"


def load(
    paths: Iterable[Path],
    meshes: Collection[Mesh] | None = None,
    placed: Mapping[str, Mesh | None] | None = None,
) -> State:
    """Returns the state of a cluster to which these manifests were applied, its pods started at the end.

    A path is read as `read_manifests` does; what a later path brings is younger. Namespaces that
    no manifest declares are there, too. Installed are `meshes`, or those that the manifests use, and
    those of `placed`, which gives namespaces to a mesh (None: to none) whatever their labels say.
    Raises InputError for unreadable files and unknown namespaces, Refused where the API or a
    webhook refuses an object, NotModelledError for what the model doesn't understand.
    """
    batches = [tuple(map(_readable, read_manifests(path))) for path in paths]
    resources = [resource for batch in batches for resource in batch]
    placed = placed or {}
    wanted = frozenset(meshes_used(resources)) if meshes is None else frozenset(meshes)
    # Manifests that hold the Gateway API's objects are of a cluster that has its CRDs.
    state = State(gateway_api=any(resource.group == GATEWAY_API for resource in resources))
    for mesh in sorted(wanted.union(mesh for mesh in placed.values() if mesh)):
        state = state.install(mesh)
    namespaces = _namespaces(resources)
    for namespace in namespaces:
        state = state.mark(namespace)
    # Pods are started as their namespaces stand: those come first, wherever they are declared.
    state = state.apply(one for one in resources if one.kind == "Namespace")
    for namespace, chosen in placed.items():
        if namespace not in namespaces:
            raise InputError(
                f"no manifest has anything in a namespace {namespace!r}",
                todo=did_you_mean(namespace, namespaces),
            )
        state = state.place(namespace, [chosen] if chosen else [])
    for batch in batches:
        state = state.apply(one for one in batch if one.kind != "Namespace")
    for namespace in namespaces:
        state = state.restart(namespace)
    return state


def _readable(resource: Resource) -> Resource:
    return checked(resource) if (resource.group, resource.kind) in READ else resource


def meshes_used(resources: Iterable[Resource]) -> Iterator[Mesh]:
    """Yields the meshes that objects are written for: by their kind, by what injectors read, by proxies."""
    for resource in resources:
        if resource.group in MESH_OF_GROUP:
            yield MESH_OF_GROUP[resource.group]
        elif resource.kind in ("Namespace", "Service"):
            yield from _asked(labels_of(resource), annotations_of(resource))
        elif (resource.group, resource.kind) in READ:
            metadata, spec = pod_template(resource)
            yield from _asked(metadata.get("labels") or {}, metadata.get("annotations") or {})
            proxies = {container.name for container in containers_of(spec)}
            yield from (mesh for mesh in Mesh if mesh.proxy in proxies)


def _asked(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[Mesh]:
    if _ISTIO_LABELS & labels.keys():
        yield Mesh.ISTIO
    if _LINKERD_ANNOTATION in annotations:
        yield Mesh.LINKERD


def _namespaces(resources: Iterable[Resource]) -> tuple[str, ...]:
    found = (one.name if one.kind == "Namespace" else one.namespace for one in resources)
    return tuple(namespace for namespace in dict.fromkeys(found) if namespace)
