"""Traps in how namespaces and pods ask for a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import template_of
from harness.api.marks import ISTIO_INJECTION, LINKERD_INJECT, asks
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State


@rule
def two_proxies(state: State) -> Iterator[Sign]:
    for namespace in state.all("", "Namespace"):
        labels, annotations = labels_of(namespace), annotations_of(namespace)
        if all(asks(mesh, labels, annotations) for mesh in Mesh):
            yield seen(namespace, "metadata.annotations")


@rule
def injection_label_and_annotation(state: State) -> Iterator[Sign]:
    for resource, labels, notes, field in _asking(state):
        if LINKERD_INJECT in labels:
            yield seen(resource, f"{field}.labels", case="linkerd")
        if ISTIO_INJECTION in notes:
            yield seen(resource, f"{field}.annotations", case="istio")


@rule
def injection_value(state: State) -> Iterator[Sign]:
    for resource, labels, notes, field in _asking(state):
        linkerd, istio = notes.get(LINKERD_INJECT), labels.get(ISTIO_INJECTION)
        if linkerd is not None and linkerd not in ("enabled", "disabled", "ingress"):
            yield seen(resource, f"{field}.annotations", case="linkerd", value=linkerd)
        if istio is not None and istio not in ("enabled", "disabled"):
            yield seen(resource, f"{field}.labels", case="istio", value=istio)


@rule
def injection_without_mesh(state: State) -> Iterator[Sign]:
    for resource, labels, notes, field in _asking(state):
        if notes.get(LINKERD_INJECT) == "enabled" and Mesh.LINKERD not in state.meshes:
            mesh, part = Mesh.LINKERD, "annotations"
        elif labels.get(ISTIO_INJECTION) == "enabled" and Mesh.ISTIO not in state.meshes:
            mesh, part = Mesh.ISTIO, "labels"
        else:
            continue
        yield seen(resource, f"{field}.{part}", mesh=mesh)


def _asking(state: State) -> Iterator[tuple[Resource, Mapping[str, str], Mapping[str, str], str]]:
    """Namespaces and pod templates: their labels, annotations, and the field that holds both."""
    for namespace in state.all("", "Namespace"):
        yield namespace, labels_of(namespace), annotations_of(namespace), "metadata"
    for resource in state.workloads:
        metadata = template_of(resource).metadata
        yield resource, metadata.labels, metadata.annotations, metadata.path
