"""Istio's kinds (networking.istio.io, security.istio.io), as of Istio 1.31."""

from __future__ import annotations

from harness.model.schema import LATER, PORT, Enum, Kind, Map, OneOf, Required, Shape

_STRING_MATCH: Shape = OneOf(exact="string", prefix="string", regex="regex")
_HEADER_CHANGES: Shape = {"set": Map("string"), "add": Map("string"), "remove": ["string"]}
_HEADERS: Shape = {"request": _HEADER_CHANGES, "response": _HEADER_CHANGES}
_PERCENT: Shape = {"value": "number"}
_SELECTOR: Shape = {"matchLabels": Map("string")}
_DESTINATION: Shape = {"host": Required("string"), "subset": "string", "port": {"number": PORT}}

_HTTP_MATCH: Shape = {
    "name": "string",
    "uri": _STRING_MATCH,
    "scheme": _STRING_MATCH,
    "method": _STRING_MATCH,
    "authority": _STRING_MATCH,
    "headers": Map(_STRING_MATCH),
    "withoutHeaders": Map(_STRING_MATCH),
    "queryParams": Map(_STRING_MATCH),
    "port": "integer",
    "sourceLabels": Map("string"),
    "sourceNamespace": "string",
    "gateways": ["string"],
    "ignoreUriCase": "boolean",
    "statPrefix": "string",
}

_HTTP_ROUTE: Shape = {
    "name": "string",
    "match": [_HTTP_MATCH],
    "route": [{"destination": Required(_DESTINATION), "weight": "integer", "headers": _HEADERS}],
    "redirect": {
        "uri": "string",
        "authority": "string",
        "port": PORT,
        "derivePort": Enum("FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"),
        "scheme": "string",
        "redirectCode": "integer",
    },
    "directResponse": {"status": Required("integer"), "body": {"string": "string", "bytes": LATER}},
    "rewrite": {
        "uri": "string",
        "authority": "string",
        "uriRegexRewrite": {"match": Required("regex"), "rewrite": "string"},
    },
    "timeout": "duration",
    "retries": {
        "attempts": "integer",
        "perTryTimeout": "duration",
        "retryOn": "string",
        "retryRemoteLocalities": "boolean",
        "retryIgnorePreviousHosts": "boolean",
        "backoff": "duration",
    },
    "fault": {
        "delay": {
            "fixedDelay": "duration",
            "percentage": _PERCENT,
            "percent": "integer",
            "exponentialDelay": LATER,
        },
        "abort": {
            "httpStatus": "integer",
            "grpcStatus": "string",
            "percentage": _PERCENT,
            "http2Error": LATER,
        },
    },
    "mirror": _DESTINATION,
    "mirrorPercentage": _PERCENT,
    "mirrorPercent": "integer",
    "mirrors": [{"destination": Required(_DESTINATION), "percentage": _PERCENT}],
    "headers": _HEADERS,
    "delegate": LATER,
    "corsPolicy": LATER,
}

# Limits on many requests at once: a single request isn't changed by them.
_CONNECTION_POOL: Shape = {"tcp": "any", "http": "any"}
_LOAD_BALANCER: Shape = {
    "simple": Enum("UNSPECIFIED", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN"),
    "consistentHash": "any",
    "warmup": "any",
    "warmupDurationSecs": "any",
    "localityLbSetting": LATER,
}
_TLS: Shape = {
    "mode": Enum("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"),
    "sni": "string",
    "subjectAltNames": ["string"],
    "clientCertificate": "string",
    "privateKey": "string",
    "caCertificates": "string",
    "credentialName": "string",
    "insecureSkipVerify": "boolean",
}
_PORT_POLICY: dict[str, Shape] = {
    "loadBalancer": _LOAD_BALANCER,
    "connectionPool": _CONNECTION_POOL,
    "outlierDetection": "any",
    "tls": _TLS,
}
_TRAFFIC_POLICY: Shape = {
    **_PORT_POLICY,
    "portLevelSettings": [{**_PORT_POLICY, "port": {"number": "integer"}}],
    "tunnel": LATER,
    "proxyProtocol": LATER,
    "retryBudget": LATER,
}

_SOURCE: Shape = {
    name: ["string"]
    for positive in (
        "principals",
        "requestPrincipals",
        "namespaces",
        "ipBlocks",
        "remoteIpBlocks",
        "serviceAccounts",
    )
    for name in (positive, "not" + positive[0].upper() + positive[1:])
}
_OPERATION: Shape = {
    name: ["string"]
    for positive in ("hosts", "ports", "methods", "paths")
    for name in (positive, "not" + positive[0].upper() + positive[1:])
}
_MTLS: Shape = {"mode": Enum("UNSET", "DISABLE", "PERMISSIVE", "STRICT")}

_NETWORKING = ("v1", "v1beta1", "v1alpha3")
_SECURITY = ("v1", "v1beta1")

KINDS: dict[tuple[str, str], Kind] = {
    ("networking.istio.io", "VirtualService"): Kind(
        _NETWORKING,
        {
            "hosts": ["string"],
            "gateways": ["string"],
            "http": [_HTTP_ROUTE],
            "exportTo": ["string"],
            "tls": LATER,
            "tcp": LATER,
        },
    ),
    ("networking.istio.io", "DestinationRule"): Kind(
        _NETWORKING,
        {
            "host": Required("string"),
            "trafficPolicy": _TRAFFIC_POLICY,
            "subsets": [
                {"name": Required("string"), "labels": Map("string"), "trafficPolicy": _TRAFFIC_POLICY}
            ],
            "exportTo": ["string"],
            "workloadSelector": LATER,
        },
    ),
    ("networking.istio.io", "Gateway"): Kind(
        _NETWORKING,
        {
            "selector": Map("string"),
            "servers": [
                {
                    "port": Required(
                        {
                            "number": Required(PORT),
                            "name": Required("string"),
                            "protocol": Required("string"),
                            "targetPort": PORT,
                        }
                    ),
                    "hosts": Required(["string"]),
                    "tls": "any",  # read by decide: only plain HTTP servers are decided on
                    "name": "string",
                    "bind": LATER,
                    "defaultEndpoint": LATER,
                }
            ],
        },
    ),
    ("security.istio.io", "PeerAuthentication"): Kind(
        _SECURITY, {"selector": _SELECTOR, "mtls": _MTLS, "portLevelMtls": Map(_MTLS)}
    ),
    ("security.istio.io", "AuthorizationPolicy"): Kind(
        _SECURITY,
        {
            "selector": _SELECTOR,
            "targetRef": LATER,
            "targetRefs": LATER,
            "action": Enum("ALLOW", "DENY", "AUDIT", "CUSTOM"),
            "provider": {"name": "string"},
            "rules": [
                {
                    "from": [{"source": _SOURCE}],
                    "to": [{"operation": _OPERATION}],
                    "when": [{"key": Required("string"), "values": ["string"], "notValues": ["string"]}],
                }
            ],
        },
    ),
}

GROUPS = (
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "install.istio.io",
)

INERT = frozenset({("telemetry.istio.io", "Telemetry")})
"""What Istio only reports by: requests fare the same."""
