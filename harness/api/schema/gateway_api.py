"""Gateway API's kinds and Linkerd's HTTPRoute, which shares their shape."""

from __future__ import annotations

from harness.api.schema.shapes import LATER, PORT, Enum, Kind, Map, Pattern, Range, Required, Shape

_METHODS = Enum("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_TEXT_MATCH = Enum("Exact", "RegularExpression")
_NAME_VALUE: Shape = [{"name": Required("string"), "value": Required("string")}]
_NAMED_MATCH: Shape = [{"name": Required("string"), "type": _TEXT_MATCH, "value": Required("string")}]
_HEADER_MODIFIER: Shape = {"set": _NAME_VALUE, "add": _NAME_VALUE, "remove": ["string"]}
_PATH_MODIFIER: Shape = {
    "type": Required(Enum("ReplaceFullPath", "ReplacePrefixMatch")),
    "replaceFullPath": "string",
    "replacePrefixMatch": "string",
}
_OBJECT_REFERENCE: dict[str, Shape] = {
    "group": "string",
    "kind": "string",
    "name": Required("string"),
    "namespace": "string",
    "port": PORT,
}
_PARENT: Shape = {**_OBJECT_REFERENCE, "sectionName": "string"}

_EXTENSION: Shape = {name: Required("string") for name in ("group", "kind", "name")}
_COMMON_FILTERS: dict[str, Shape] = {
    "requestHeaderModifier": _HEADER_MODIFIER,
    "responseHeaderModifier": _HEADER_MODIFIER,
}
_REDIRECT: Shape = {
    "scheme": Enum("http", "https"),
    "hostname": "string",
    "path": _PATH_MODIFIER,
    "port": PORT,
    "statusCode": Enum(301, 302, 303, 307, 308),
}
_MIRROR: Shape = {
    "backendRef": Required(_OBJECT_REFERENCE),
    "percent": Range(0, 100),
    "fraction": {"numerator": Required("integer"), "denominator": "integer"},
}
_HTTP_FILTER: Shape = {
    "type": Required(
        Enum(
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "RequestMirror",
            "RequestRedirect",
            "URLRewrite",
            "ExtensionRef",
            "CORS",
        )
    ),
    **_COMMON_FILTERS,
    "requestRedirect": _REDIRECT,
    "urlRewrite": {"hostname": "string", "path": _PATH_MODIFIER},
    "requestMirror": _MIRROR,
    "extensionRef": _EXTENSION,
    "cors": {
        "allowOrigins": ["string"],
        "allowMethods": [Enum(*_METHODS, "*")],
        "allowHeaders": ["string"],
        "exposeHeaders": ["string"],
        "allowCredentials": "boolean",
        "maxAge": "integer",
    },
}
_GRPC_FILTER: Shape = {
    "type": Required(
        Enum("RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef")
    ),
    **_COMMON_FILTERS,
    "requestMirror": _MIRROR,
    "extensionRef": _EXTENSION,
}
_POLICY_FILTER: Shape = {
    "type": Required(Enum("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect")),
    **_COMMON_FILTERS,
    "requestRedirect": _REDIRECT,
}
_PATH: Shape = {"type": Enum("Exact", "PathPrefix", "RegularExpression"), "value": "string"}
_HOSTNAME = Pattern(r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_DURATION = Pattern("^([0-9]{1,5}(h|m|s|ms)){1,4}$")
_TIMEOUTS: Shape = {"request": _DURATION, "backendRequest": _DURATION}
_WEIGHT = Range(0, 1_000_000)


def _http_route(route_filter: Shape) -> dict[str, Shape]:
    return {
        "parentRefs": [_PARENT],
        "hostnames": [_HOSTNAME],
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
                "backendRefs": [{**_OBJECT_REFERENCE, "weight": _WEIGHT, "filters": [route_filter]}],
                "timeouts": _TIMEOUTS,
            }
        ],
    }


_SELECTOR: Shape = {
    "matchLabels": Map("string"),
    "matchExpressions": [{"key": Required("string"), "operator": Required("string"), "values": ["string"]}],
}
_LISTENER: Shape = {
    "name": Required("string"),
    "hostname": _HOSTNAME,
    "port": Required(PORT),
    "protocol": Required("string"),
    "tls": {
        "mode": Enum("Terminate", "Passthrough"),
        "certificateRefs": [
            {"group": "string", "kind": "string", "name": Required("string"), "namespace": "string"}
        ],
        "options": Map("string"),
    },
    "allowedRoutes": {
        "namespaces": {"from": Enum("All", "Selector", "Same"), "selector": _SELECTOR},
        "kinds": [{"group": "string", "kind": Required("string")}],
    },
}
_GATEWAY: Shape = {
    "gatewayClassName": Required("string"),
    "listeners": Required([_LISTENER]),
    "addresses": [{"type": "string", "value": "string"}],
    "infrastructure": {
        "labels": Map("string"),
        "annotations": Map("string"),
        "parametersRef": LATER,
    },
    "allowedListeners": LATER,
    "tls": LATER,
}


def _bare_route(**more: Shape) -> Shape:
    """A route without matches: bytes, or TLS by the name that its client asks for."""
    rule: Shape = {"name": "string", "backendRefs": Required([{**_OBJECT_REFERENCE, "weight": _WEIGHT}])}
    return Required({"parentRefs": [_PARENT], "rules": Required([rule]), **more})


HTTP_ROUTE = _http_route(_HTTP_FILTER)
POLICY_HTTP_ROUTE = _http_route(_POLICY_FILTER)

KINDS: dict[tuple[str, str], Kind] = {
    ("gateway.networking.k8s.io", "HTTPRoute"): Kind(("v1", "v1beta1"), Required(HTTP_ROUTE)),
    ("gateway.networking.k8s.io", "GRPCRoute"): Kind(
        ("v1",),
        Required(
            {
                "parentRefs": [_PARENT],
                "hostnames": [_HOSTNAME],
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
                        "backendRefs": [{**_OBJECT_REFERENCE, "weight": _WEIGHT, "filters": [_GRPC_FILTER]}],
                    }
                ],
            }
        ),
    ),
    ("gateway.networking.k8s.io", "TLSRoute"): Kind(
        ("v1", "v1alpha3", "v1alpha2"), _bare_route(hostnames=[_HOSTNAME])
    ),
    ("gateway.networking.k8s.io", "TCPRoute"): Kind(("v1", "v1alpha2"), _bare_route()),
    ("gateway.networking.k8s.io", "ReferenceGrant"): Kind(
        ("v1", "v1beta1"),
        Required(
            {
                "from": Required([{name: Required("string") for name in ("group", "kind", "namespace")}]),
                "to": Required([{"group": Required("string"), "kind": Required("string"), "name": "string"}]),
            }
        ),
    ),
    ("gateway.networking.k8s.io", "Gateway"): Kind(("v1", "v1beta1"), Required(_GATEWAY)),
    ("gateway.networking.k8s.io", "GatewayClass"): Kind(
        ("v1", "v1beta1"),
        Required({"controllerName": Required("string"), "description": "string", "parametersRef": "any"}),
    ),
}

GROUPS = ("gateway.networking.k8s.io",)

RELEASE = "gateway-api 1.6"
"""The release that the table is of."""

EXPERIMENTAL = frozenset((("TLSRoute", "v1alpha2"), ("TLSRoute", "v1alpha3"), ("TCPRoute", "v1alpha2")))
"""What its experimental channel alone serves."""
