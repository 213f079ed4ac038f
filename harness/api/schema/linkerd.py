"""Linkerd's kinds (policy.linkerd.io, linkerd.io)."""

from __future__ import annotations

from harness.api.schema.gateway_api import POLICY_HTTP_ROUTE
from harness.api.schema.kubernetes import LABEL_SELECTOR
from harness.api.schema.shapes import LATER, Enum, Kind, OneOf, Required, Shape

_REFERENCE: dict[str, Shape] = {
    "group": "string",
    "kind": Required("string"),
    "name": Required("string"),
    "namespace": "string",
}
_IDENTITY: Shape = {**_REFERENCE, "name": "string"}
_NETWORKS: Shape = [{"cidr": Required("network"), "except": ["network"]}]
_LIMIT: Shape = {"requestsPerSecond": Required("integer")}

_CONDITION: dict[str, Shape] = {"method": "string", "pathRegex": "string"}
_CONDITION |= {"all": [_CONDITION], "any": [_CONDITION], "not": _CONDITION}
_ANSWER: dict[str, Shape] = {"status": {"min": "integer", "max": "integer"}}
_ANSWER |= {"all": [_ANSWER], "any": [_ANSWER], "not": _ANSWER}
_ROUTE: Shape = {
    "name": Required("string"),
    "condition": Required(_CONDITION),
    "timeout": "duration",
    "isRetryable": "boolean",
    "responseClasses": [{"condition": Required(_ANSWER), "isFailure": "boolean"}],
}

KINDS: dict[tuple[str, str], Kind] = {
    ("policy.linkerd.io", "Server"): Kind(
        ("v1alpha1", "v1beta1", "v1beta2", "v1beta3"),
        Required(
            {
                "podSelector": Required(LABEL_SELECTOR),
                "externalWorkloadSelector": LATER,
                "port": Required("port"),
                "proxyProtocol": Enum("unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"),
                "accessPolicy": "string",
            }
        ),
    ),
    ("policy.linkerd.io", "ServerAuthorization"): Kind(
        ("v1alpha1", "v1beta1"),
        Required(
            {
                "server": Required(OneOf(name="string", selector=LABEL_SELECTOR)),
                "client": Required(
                    {
                        "unauthenticated": "boolean",
                        "networks": _NETWORKS,
                        "meshTLS": {
                            "unauthenticatedTLS": "boolean",
                            "identities": ["string"],
                            "serviceAccounts": [{"name": Required("string"), "namespace": "string"}],
                        },
                    }
                ),
            }
        ),
    ),
    ("policy.linkerd.io", "AuthorizationPolicy"): Kind(
        ("v1alpha1",),
        Required({"targetRef": Required(_REFERENCE), "requiredAuthenticationRefs": Required([_REFERENCE])}),
    ),
    ("policy.linkerd.io", "MeshTLSAuthentication"): Kind(
        ("v1alpha1",), Required(OneOf(identities=["string"], identityRefs=[_IDENTITY]))
    ),
    ("policy.linkerd.io", "NetworkAuthentication"): Kind(
        ("v1alpha1",), Required({"networks": Required(_NETWORKS)})
    ),
    ("policy.linkerd.io", "HTTPLocalRateLimitPolicy"): Kind(
        ("v1alpha1",),
        Required(
            {
                "targetRef": Required(_REFERENCE),
                "total": _LIMIT,
                "identity": _LIMIT,
                "overrides": [
                    {
                        "requestsPerSecond": Required("integer"),
                        "clientRefs": Required([_REFERENCE]),
                    }
                ],
            }
        ),
    ),
    ("policy.linkerd.io", "EgressNetwork"): Kind(
        ("v1alpha1",),
        Required({"trafficPolicy": Required(Enum("Allow", "Deny")), "networks": _NETWORKS}),
    ),
    ("policy.linkerd.io", "HTTPRoute"): Kind(
        ("v1alpha1", "v1beta1", "v1beta2", "v1beta3"), Required(POLICY_HTTP_ROUTE)
    ),
    ("linkerd.io", "ServiceProfile"): Kind(
        ("v1alpha1", "v1alpha2"),
        {
            "routes": [_ROUTE],
            "dstOverrides": [{"authority": Required("string"), "weight": Required("quantity")}],
            "retryBudget": {
                "minRetriesPerSecond": Required("integer"),
                "retryRatio": Required("number"),
                "ttl": Required("duration"),
            },
            # The destination controller puts the Service's own opaque ports in their place.
            "opaquePorts": ["string"],
        },
    ),
}

RELEASE = "linkerd edge-26.8"
"""The release that the table is of."""

GROUPS = (
    "policy.linkerd.io",
    "linkerd.io",
    "workload.linkerd.io",
    "multicluster.linkerd.io",
)
