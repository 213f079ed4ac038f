"""What installing a mesh makes in a cluster, as far as requests notice it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.api.kubernetes.webhooks import MUTATING
from harness.api.objects import labels_of
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.resources import Resource
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.changes import webhooks

if TYPE_CHECKING:
    from collections.abc import Collection

"""Istio's root namespace: policies in it are for the whole mesh."""

_COMPONENT = "operator.istio.io/component"

_GATEWAY_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}


def objects(mesh: Mesh) -> tuple[Resource, ...]:
    """Returns the objects that the mesh's default installation makes."""
    return _ISTIO if mesh is Mesh.ISTIO else _LINKERD


def belongs(resource: Resource, mesh: Mesh, namespaces: Collection[str]) -> bool:
    """Returns whether an object goes with its mesh: of its kinds, or in its namespaces."""
    inside = resource.namespace in namespaces or (
        resource.kind == "Namespace" and resource.name in namespaces
    )
    if (resource.group, resource.kind) == MUTATING:
        return mesh in webhooks.of(resource)
    return inside or MESH_OF_GROUP.get(resource.group) is mesh


def is_own(resource: Resource) -> bool:
    """Returns whether Istio's installer made an object: a part of what the model takes for Istio."""
    return MESH_OF_GROUP.get(resource.group) is Mesh.ISTIO and _COMPONENT in labels_of(resource)


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
    namespace: str,
    name: str,
    account: str,
    container: dict[str, Any],
    labels: dict[str, str],
    pod_marks: dict[str, Any] | None = None,
) -> Resource:
    metadata = {"labels": labels} if pod_marks is None else pod_marks
    template = {"metadata": metadata, "spec": {"serviceAccountName": account, "containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", namespace, name, spec=spec)


# The default profile's, with the counters that the harness asks for at installation.
_MESH = """\
trustDomain: cluster.local
defaultProviders:
  metrics: [prometheus]
defaultConfig:
  proxyStatsMatcher:
    inclusionSuffixes: [downstream_rq_total]
"""

_ISTIO = (
    _object("v1", "Namespace", "", ROOT_NAMESPACE),
    _object("v1", "ConfigMap", ROOT_NAMESPACE, "istio", data={"mesh": _MESH}),
    _deployment(
        ROOT_NAMESPACE,
        "istiod",
        "istiod",
        {"name": "discovery", "image": "istio/pilot"},
        {"app": "istiod"},
    ),
    _object("v1", "ServiceAccount", ROOT_NAMESPACE, "istio-ingressgateway-service-account"),
    _deployment(
        ROOT_NAMESPACE,
        "istio-ingressgateway",
        "istio-ingressgateway-service-account",
        # Written out, and not injected [istio/istio: manifests/charts/gateways/istio-ingress].
        {"name": "istio-proxy", "image": "istio/proxyv2", "args": ["proxy", "router"]},
        _GATEWAY_LABELS,
        {
            "labels": {**_GATEWAY_LABELS, marks.ISTIO_INJECT: "false"},
            "annotations": {marks.ISTIO_INJECT: "false"},
        },
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
