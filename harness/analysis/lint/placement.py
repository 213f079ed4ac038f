"""Traps in how namespaces and pods ask for a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.trap import Symptom, rule
from harness.api.kubernetes.workload import WORKLOADS, template_of
from harness.api.marks import ISTIO_INJECTION, ISTIO_REVISION, LINKERD_INJECT, asks
from harness.api.objects import annotations_of, labels_of
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State


@rule
def two_proxies(state: State) -> Iterator[Symptom]:
    """A namespace that asks both meshes for a proxy gets Istio's, and Linkerd's injector skips its pods."""
    for namespace in state.all("", "Namespace"):
        labels, annotations = labels_of(namespace), annotations_of(namespace)
        if all(asks(mesh, labels, annotations) for mesh in Mesh):
            yield Symptom(
                namespace,
                "metadata.annotations",
                "asks Istio and Linkerd for a proxy",
                "Istio's webhook comes first; Linkerd then skips the pod (InjectionSkipped)",
                f"take the label {ISTIO_INJECTION} (or {ISTIO_REVISION}) away, and restart the workloads",
            )


@rule
def injection_label_and_annotation(state: State) -> Iterator[Symptom]:
    """Linkerd reads an annotation, Istio a label: the other form does nothing."""
    for resource, labels, notes, field in _asking(state):
        if LINKERD_INJECT in labels:
            yield Symptom(
                resource,
                f"{field}.labels",
                f"has {LINKERD_INJECT} as a label",
                "Linkerd reads the annotation of that name: the label does nothing",
                "make it an annotation",
            )
        if ISTIO_INJECTION in notes:
            yield Symptom(
                resource,
                f"{field}.annotations",
                f"has {ISTIO_INJECTION} as an annotation",
                "Istio reads the label of that name: the annotation does nothing",
                "make it a label of the namespace",
            )


@rule
def injection_value(state: State) -> Iterator[Symptom]:
    """Values that injectors don't know inject nothing."""
    for resource, labels, notes, field in _asking(state):
        linkerd, istio = notes.get(LINKERD_INJECT), labels.get(ISTIO_INJECTION)
        if linkerd is not None and linkerd not in ("enabled", "disabled", "ingress"):
            yield Symptom(
                resource,
                f"{field}.annotations",
                f"{LINKERD_INJECT} is {linkerd!r}",
                "Linkerd's injector knows enabled, disabled and ingress: nothing is injected",
                "write enabled",
            )
        if istio is not None and istio not in ("enabled", "disabled"):
            yield Symptom(
                resource,
                f"{field}.labels",
                f"{ISTIO_INJECTION} is {istio!r}",
                "Istio's webhook asks for enabled: nothing is injected",
                "write enabled",
            )


@rule
def injection_without_mesh(state: State) -> Iterator[Symptom]:
    """A namespace that asks a mesh for proxies before the mesh is there gets none until it is restarted."""
    for resource, labels, notes, field in _asking(state):
        if notes.get(LINKERD_INJECT) == "enabled" and Mesh.LINKERD not in state.meshes:
            mesh, part = Mesh.LINKERD, "annotations"
        elif labels.get(ISTIO_INJECTION) == "enabled" and Mesh.ISTIO not in state.meshes:
            mesh, part = Mesh.ISTIO, "labels"
        else:
            continue
        yield Symptom(
            resource,
            f"{field}.{part}",
            f"asks {mesh} for a proxy, which isn't installed",
            "pods are injected when they start: those that run already keep no proxy",
            f"install {mesh}, then restart the workloads",
        )


def _asking(state: State) -> Iterator[tuple[Resource, Mapping[str, str], Mapping[str, str], str]]:
    """Namespaces and pod templates: their labels, annotations, and the field that holds both."""
    for namespace in state.all("", "Namespace"):
        yield namespace, labels_of(namespace), annotations_of(namespace), "metadata"
    for kind in WORKLOADS:
        for resource in state.all(*kind):
            metadata = template_of(resource).metadata
            yield resource, metadata.labels, metadata.annotations, metadata.path
