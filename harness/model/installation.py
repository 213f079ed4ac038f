"""What installing a mesh makes in a cluster, as far as requests notice it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.model.schemas import MESH_OF_GROUP
from harness.resources import Resource
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT_NAMESPACE = "istio-system"
"""Istio's root namespace: policies in it are for the whole mesh."""

_GATEWAY_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}


def objects(mesh: Mesh) -> tuple[Resource, ...]:
    """Returns the objects that the mesh's default installation makes."""
    return _ISTIO if mesh is Mesh.ISTIO else _LINKERD


def belongs(resource: Resource, mesh: Mesh, namespaces: Collection[str]) -> bool:
    """Returns whether an object goes with its mesh: of its kinds, or in its namespaces."""
    inside = resource.namespace in namespaces or (
        resource.kind == "Namespace" and resource.name in namespaces
    )
    return inside or MESH_OF_GROUP.get(resource.group) is mesh


def _object(api_version: str, kind: str, namespace: str, name: str, **parts: Any) -> Resource:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= parts.pop("metadata", {})
    return Resource(
        api_version,
        kind,
        namespace,
        name,
        {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts},
    )


def _deployment(
    namespace: str, name: str, account: str, image: str, labels: dict[str, str], annotations: dict[str, str]
) -> Resource:
    template = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"serviceAccountName": account, "containers": [{"name": name, "image": image}]},
    }
    return _object("apps/v1", "Deployment", namespace, name, spec={"template": template})


_ISTIO = (
    _object("v1", "Namespace", "", ROOT_NAMESPACE),
    _deployment(ROOT_NAMESPACE, "istiod", "istiod", "istio/pilot", {"app": "istiod"}, {}),
    _object("v1", "ServiceAccount", ROOT_NAMESPACE, "istio-ingressgateway-service-account"),
    _deployment(
        ROOT_NAMESPACE,
        "istio-ingressgateway",
        "istio-ingressgateway-service-account",
        "istio/proxyv2",
        {**_GATEWAY_LABELS, "sidecar.istio.io/inject": "true"},
        {"inject.istio.io/templates": "gateway"},
    ),
    _object(
        "v1",
        "Service",
        ROOT_NAMESPACE,
        "istio-ingressgateway",
        spec={
            "selector": _GATEWAY_LABELS,
            "ports": [
                {"name": "http2", "port": 80, "targetPort": 8080},
                {"name": "https", "port": 443, "targetPort": 8443},
            ],
        },
    ),
)

_LINKERD = (_object("v1", "Namespace", "", "linkerd"),)
