"""Linkerd's kinds (policy.linkerd.io, linkerd.io), as of edge-26.8."""

from __future__ import annotations

from harness.model.schema import LATER, Enum, Kind, Map, Shape
from harness.model.schemas.gateway_api import POLICY_HTTP_ROUTE

_LABEL_SELECTOR: Shape = {
    "matchLabels": Map("string"),
    "matchExpressions": [{"key": "string", "operator": "string", "values": ["string"]}],
}
_REFERENCE: Shape = {"group": "string", "kind": "string", "name": "string", "namespace": "string"}
_NETWORKS: Shape = [{"cidr": "string", "except": ["string"]}]

# A condition nests (all, any, not); it is read where it is decided on.
_ROUTE: Shape = {
    "name": "string",
    "condition": "any",
    "timeout": "duration",
    "isRetryable": "boolean",
    "responseClasses": "any",
}

KINDS: dict[tuple[str, str], Kind] = {
    ("policy.linkerd.io", "Server"): Kind(
        ("v1beta1", "v1beta2", "v1beta3"),
        {
            "podSelector": _LABEL_SELECTOR,
            "externalWorkloadSelector": LATER,
            "port": "port",
            "proxyProtocol": Enum("unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"),
            "accessPolicy": "string",
        },
    ),
    ("policy.linkerd.io", "ServerAuthorization"): Kind(
        ("v1alpha1", "v1beta1"),
        {
            "server": {"name": "string", "selector": _LABEL_SELECTOR},
            "client": {
                "unauthenticated": "boolean",
                "networks": _NETWORKS,
                "meshTLS": {
                    "unauthenticatedTLS": "boolean",
                    "identities": ["string"],
                    "serviceAccounts": [{"name": "string", "namespace": "string"}],
                },
            },
        },
    ),
    ("policy.linkerd.io", "AuthorizationPolicy"): Kind(
        ("v1alpha1",), {"targetRef": _REFERENCE, "requiredAuthenticationRefs": [_REFERENCE]}
    ),
    ("policy.linkerd.io", "MeshTLSAuthentication"): Kind(
        ("v1alpha1",), {"identities": ["string"], "identityRefs": [_REFERENCE]}
    ),
    ("policy.linkerd.io", "NetworkAuthentication"): Kind(("v1alpha1",), {"networks": _NETWORKS}),
    ("policy.linkerd.io", "HTTPRoute"): Kind(
        ("v1alpha1", "v1beta1", "v1beta2", "v1beta3"), POLICY_HTTP_ROUTE
    ),
    ("linkerd.io", "ServiceProfile"): Kind(
        ("v1alpha1", "v1alpha2"),
        {
            "routes": [_ROUTE],
            "dstOverrides": [{"authority": "string", "weight": "any"}],
            "retryBudget": "any",
            "opaquePorts": LATER,
        },
    ),
}

GROUPS = (
    "policy.linkerd.io",
    "linkerd.io",
    "workload.linkerd.io",
    "multicluster.linkerd.io",
)
