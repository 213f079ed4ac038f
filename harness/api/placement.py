"""Which namespaces a mesh holds where nothing says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.istio.gateway import runs_gateway
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.status import PodStatus
from harness.api.kubernetes.workload import is_workload, template_of
from harness.base.vocabulary import PLATFORM, Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.kubernetes.pod import PodTemplate
    from harness.base.resources import Resource


def unplaced(objects: Iterable[Resource]) -> tuple[str, ...]:
    """Returns the namespaces with workloads of an estate where no object asks for a mesh; else none.

    Manifests often lack the labels, which somebody gave to namespaces by hand. A namespace that declines is
    none of them. A gateway asks for itself alone. Running pods of a dump show what there is.
    """
    namespaces: dict[str, None] = {}
    declining: set[str] = set()
    for resource in objects:
        if resource.key[:2] == ("", "Namespace"):
            if _says(resource):
                return ()
            if _declines(resource):
                declining.add(resource.name)
        elif is_workload(resource):
            if _runs(resource) or _asks(template_of(resource)):
                return ()
            namespaces[resource.namespace] = None
    return tuple(name for name in namespaces if name not in declining | PLATFORM)


def _says(namespace: Resource) -> bool:
    """Whether a Namespace asks for a mesh, as sidecars or as ambient mode."""
    marked = labels_of(namespace), annotations_of(namespace)
    return any(marks.asks(mesh, *marked) for mesh in Mesh) or marks.ISTIO_AMBIENT in marked[0]


def _declines(namespace: Resource) -> bool:
    declined = labels_of(namespace).get(marks.ISTIO_INJECTION) == "disabled"
    return declined or annotations_of(namespace).get(marks.LINKERD_INJECT) == "disabled"


def _asks(template: PodTemplate) -> bool:
    """Whether pods ask for a mesh themselves, or bring its proxy."""
    if runs_gateway(template):
        return False
    pods = template.metadata
    proxies = {container.name for container in template.spec.lasting}
    asked = any(marks.choice(mesh, pods.labels, pods.annotations) for mesh in Mesh)
    return asked or marks.ISTIO_REVISION in pods.labels or any(mesh.proxy in proxies for mesh in Mesh)


def _runs(resource: Resource) -> bool:
    return resource.kind == "Pod" and bool(PodStatus.of(resource))
