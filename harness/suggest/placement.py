"""Which mesh holds what, as manifests ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.istio.gateway import runs_gateway
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import is_workload, template_of
from harness.api.placement import unplaced
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.kubernetes.metadata import Metadata
    from harness.base.resources import Resource


def held(objects: Iterable[Resource]) -> tuple[dict[str, Mesh], bool]:
    """Returns the mesh of each namespace, or workload (`namespace/name`), that asks for one; whether assumed.

    A workload has a place of its own where its pods ask and its namespace doesn't. Gateways ask for
    themselves alone. Where nothing asks, all namespaces with workloads that decline none are Istio's.
    """
    objects = tuple(objects)
    named = {resource.name: resource for resource in objects if resource.kind == "Namespace"}
    places: dict[str, Mesh] = {}
    for workload in (resource for resource in objects if is_workload(resource)):
        namespace, template = named.get(workload.namespace), template_of(workload)
        if namespace is not None and (mesh := _mesh_of(namespace)):
            places[workload.namespace] = mesh
        elif not runs_gateway(template) and (mesh := _chosen(template.metadata)):
            places[f"{workload.namespace}/{workload.name}"] = mesh
    return (places, False) if places else (dict.fromkeys(unplaced(objects), Mesh.ISTIO), True)


def _mesh_of(namespace: Resource) -> Mesh | None:
    marked = labels_of(namespace), annotations_of(namespace)
    return next((mesh for mesh in Mesh if marks.asks(mesh, *marked)), None)


def _chosen(pods: Metadata) -> Mesh | None:
    """The mesh that pods ask for themselves."""
    return next((mesh for mesh in Mesh if marks.choice(mesh, pods.labels, pods.annotations)), None)
