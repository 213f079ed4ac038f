"""The labels and annotations by which namespaces and pods ask for a mesh's proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ISTIO_INJECTION = "istio-injection"
"""A namespace's label: `enabled` or `disabled`, for the default revision."""

ISTIO_REVISION = "istio.io/rev"
"""A namespace's or a pod's label: the revision, or revision tag, of the Istio that it asks."""

ISTIO_INJECT = "sidecar.istio.io/inject"
"""A pod's label (or, where it has none, annotation): `true` or `false`."""

LINKERD_INGRESS = "LINKERD2_PROXY_INGRESS_MODE"
"""The variable of Linkerd's proxy that has it go by a header of requests, and not by where they are sent."""

LINKERD_INJECT = "linkerd.io/inject"
"""A namespace's or a pod's annotation: `enabled`, `ingress` or `disabled`; a label does nothing."""

ISTIO_AMBIENT = "istio.io/dataplane-mode"
"""A namespace's or a pod's label that gives it to ambient mode's node proxies."""

ISTIO_TEMPLATES = "inject.istio.io/templates"
"""A pod's annotation: the templates by which Istio's injector makes it; `gateway` for gateways."""

ISTIO_WAYPOINTS = ("istio.io/use-waypoint", "istio.io/ingress-use-waypoint")
"""Labels that take traffic to a waypoint."""

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""A label of the pods that serve a Gateway of the Gateway API: its name."""

ISTIO_COMPONENT = "operator.istio.io/component"
"""A label of what Istio's installer makes: the part of the installation that it belongs to."""

_ISTIO_LABELS = frozenset((ISTIO_INJECTION, ISTIO_REVISION, ISTIO_INJECT, ISTIO_AMBIENT, *ISTIO_WAYPOINTS))

Marks = dict[str, str | None]


def placing(meshes: Collection[Mesh]) -> tuple[Marks, Marks]:
    """Returns the labels and annotations of a namespace that asks these meshes alone (None: taken away)."""
    labels: Marks = {ISTIO_INJECTION: "enabled" if Mesh.ISTIO in meshes else None, ISTIO_REVISION: None}
    return labels, {LINKERD_INJECT: "enabled" if Mesh.LINKERD in meshes else None}


def placing_pods(meshes: Collection[Mesh]) -> tuple[Marks, Marks]:
    """Returns the labels and annotations of pods that ask these meshes alone, whatever a namespace asks."""
    labels: Marks = {ISTIO_INJECT: "true" if Mesh.ISTIO in meshes else "false"}
    return labels, {LINKERD_INJECT: "enabled" if Mesh.LINKERD in meshes else "disabled"}


def addressed(labels: Mapping[str, str], annotations: Mapping[str, str]) -> Iterator[Mesh]:
    """Yields the meshes that an object's labels and annotations are written for."""
    if _ISTIO_LABELS & labels.keys():
        yield Mesh.ISTIO
    if LINKERD_INJECT in annotations:
        yield Mesh.LINKERD


def asks(mesh: Mesh, labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Returns whether a Namespace with these asks a mesh for proxies of the pods that say nothing themselves.

    Beside Istio's own label a revision's does nothing [istio/istio: manifests/charts/istio-control].
    """
    if mesh is Mesh.LINKERD:
        return annotations.get(LINKERD_INJECT) in ("enabled", "ingress")
    return labels.get(ISTIO_INJECTION, "enabled" if ISTIO_REVISION in labels else "") == "enabled"


def choice(mesh: Mesh, labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool | None:
    """Returns whether a pod itself asks for a mesh (True) or declines it; None leaves it to the namespace.

    For Istio a label counts before an annotation, and an annotation declines but never asks: webhooks select
    by labels [istio/istio: pkg/kube/inject, injectRequired].
    """
    if mesh is Mesh.LINKERD:
        return {"enabled": True, "ingress": True, "disabled": False}.get(annotations.get(LINKERD_INJECT, ""))
    if ISTIO_INJECT in labels:
        return {"true": True, "false": False}.get(labels[ISTIO_INJECT])
    return False if annotations.get(ISTIO_INJECT) == "false" else None
