"""What Istio's default installation makes in a cluster, as far as requests notice it."""

from __future__ import annotations

from typing import Any

from harness.api import marks
from harness.base.resources import Resource
from harness.base.vocabulary import ROOT_NAMESPACE

_GATEWAY_LABELS = {"app": "istio-ingressgateway", "istio": "ingressgateway"}


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

OBJECTS = (
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
