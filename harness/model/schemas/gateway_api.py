"""Gateway API's kinds (standard channel of 1.6) and Linkerd's HTTPRoute, which shares their shape."""

from __future__ import annotations

from harness.model.schema import LATER, Enum, Kind, Shape

_METHODS = Enum("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_TEXT_MATCH = Enum("Exact", "RegularExpression")
_NAME_VALUE: Shape = [{"name": "string", "value": "string"}]
_NAMED_MATCH: Shape = [{"name": "string", "type": _TEXT_MATCH, "value": "string"}]
_HEADER_MODIFIER: Shape = {"set": _NAME_VALUE, "add": _NAME_VALUE, "remove": ["string"]}
_PATH_MODIFIER: Shape = {
    "type": Enum("ReplaceFullPath", "ReplacePrefixMatch"),
    "replaceFullPath": "string",
    "replacePrefixMatch": "string",
}
_OBJECT_REFERENCE: dict[str, Shape] = {
    "group": "string",
    "kind": "string",
    "name": "string",
    "namespace": "string",
    "port": "integer",
}
_PARENT: Shape = {**_OBJECT_REFERENCE, "sectionName": "string"}

_COMMON_FILTERS: dict[str, Shape] = {
    "requestHeaderModifier": _HEADER_MODIFIER,
    "responseHeaderModifier": _HEADER_MODIFIER,
}
_REDIRECT: Shape = {
    "scheme": Enum("http", "https"),
    "hostname": "string",
    "path": _PATH_MODIFIER,
    "port": "integer",
    "statusCode": "integer",
}
_MIRROR: Shape = {
    "backendRef": _OBJECT_REFERENCE,
    "percent": "integer",
    "fraction": {"numerator": "integer", "denominator": "integer"},
}
_HTTP_FILTER: Shape = {
    "type": Enum(
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "ExtensionRef",
        "CORS",
    ),
    **_COMMON_FILTERS,
    "requestRedirect": _REDIRECT,
    "urlRewrite": {"hostname": "string", "path": _PATH_MODIFIER},
    "requestMirror": _MIRROR,
    "extensionRef": {"group": "string", "kind": "string", "name": "string"},
    "cors": LATER,
}
_GRPC_FILTER: Shape = {
    "type": Enum("RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"),
    **_COMMON_FILTERS,
    "requestMirror": _MIRROR,
    "extensionRef": {"group": "string", "kind": "string", "name": "string"},
}
_POLICY_FILTER: Shape = {
    "type": Enum("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"),
    **_COMMON_FILTERS,
    "requestRedirect": _REDIRECT,
}
_PATH: Shape = {"type": Enum("Exact", "PathPrefix", "RegularExpression"), "value": "string"}
_TIMEOUTS: Shape = {"request": "duration", "backendRequest": "duration"}


def _http_route(route_filter: Shape) -> dict[str, Shape]:
    return {
        "parentRefs": [_PARENT],
        "hostnames": ["string"],
        "rules": [
            {
                "name": "string",
                "matches": [
                    {
                        "path": _PATH,
                        "headers": _NAMED_MATCH,
                        "queryParams": _NAMED_MATCH,
                        "method": _METHODS,
                    }
                ],
                "filters": [route_filter],
                "backendRefs": [{**_OBJECT_REFERENCE, "weight": "integer", "filters": [route_filter]}],
                "timeouts": _TIMEOUTS,
            }
        ],
    }


HTTP_ROUTE = _http_route(_HTTP_FILTER)
POLICY_HTTP_ROUTE = _http_route(_POLICY_FILTER)

KINDS: dict[tuple[str, str], Kind] = {
    ("gateway.networking.k8s.io", "HTTPRoute"): Kind(("v1", "v1beta1"), HTTP_ROUTE),
    ("gateway.networking.k8s.io", "GRPCRoute"): Kind(
        ("v1",),
        {
            "parentRefs": [_PARENT],
            "hostnames": ["string"],
            "rules": [
                {
                    "name": "string",
                    "matches": [
                        {
                            "method": {"type": _TEXT_MATCH, "service": "string", "method": "string"},
                            "headers": _NAMED_MATCH,
                        }
                    ],
                    "filters": [_GRPC_FILTER],
                    "backendRefs": [{**_OBJECT_REFERENCE, "weight": "integer", "filters": [_GRPC_FILTER]}],
                }
            ],
        },
    ),
    ("gateway.networking.k8s.io", "ReferenceGrant"): Kind(
        ("v1", "v1beta1"),
        {
            "from": [{"group": "string", "kind": "string", "namespace": "string"}],
            "to": [{"group": "string", "kind": "string", "name": "string"}],
        },
    ),
    ("gateway.networking.k8s.io", "GatewayClass"): Kind(("v1", "v1beta1"), {"controllerName": "string"}),
}

GROUPS = ("gateway.networking.k8s.io",)
