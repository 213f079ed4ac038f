"""Istio's kinds (networking.istio.io, security.istio.io)."""

from __future__ import annotations

from harness.api.schema import istio_registry
from harness.api.schema.shapes import LATER, PORT, Enum, Kind, Map, OneOf, Pattern, Required, Shape

_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_STRING_MATCH: Shape = OneOf(exact="string", prefix="string", regex="string")
_HEADER_CHANGES: Shape = {"set": Map("string"), "add": Map("string"), "remove": ["string"]}
_HEADERS: Shape = {"request": _HEADER_CHANGES, "response": _HEADER_CHANGES}
_PERCENT: Shape = {"value": "number"}
_SELECTOR: Shape = {"matchLabels": Map("string")}
_NON_EMPTY: Shape = Pattern(".")
_DESTINATION: Shape = {"host": Required("string"), "subset": "string", "port": {"number": PORT}}

_HTTP_MATCH: Shape = {
    "name": "string",
    "uri": _STRING_MATCH,
    "scheme": _STRING_MATCH,
    "method": _STRING_MATCH,
    "authority": _STRING_MATCH,
    "headers": Map(_STRING_MATCH),
    "withoutHeaders": Map(OneOf(exact="string", prefix="string", regex="string")),
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
        "prefixRewrite": "string",
        "authority": "string",
        "port": PORT,
        "derivePort": Enum("FROM_PROTOCOL_DEFAULT", "FROM_REQUEST_PORT"),
        "scheme": "string",
        "redirectCode": "integer",
    },
    "directResponse": {"status": Required("integer"), "body": OneOf(string="string", bytes=Pattern(_BASE64))},
    "rewrite": {
        "uri": "string",
        "authority": "string",
        "uriRegexRewrite": {"match": "string", "rewrite": "string"},
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
            "exponentialDelay": "duration",
        },
        "abort": {
            "httpStatus": "integer",
            "grpcStatus": "string",
            "percentage": _PERCENT,
            "http2Error": "string",
        },
    },
    "mirror": _DESTINATION,
    "mirrorPercentage": _PERCENT,
    "mirrorPercent": "integer",
    "mirrors": [{"destination": Required(_DESTINATION), "percentage": _PERCENT}],
    "headers": _HEADERS,
    "delegate": {"name": "string", "namespace": "string"},
    "corsPolicy": {
        "allowOrigins": [_STRING_MATCH],
        "allowOrigin": ["string"],
        "allowMethods": ["string"],
        "allowHeaders": ["string"],
        "exposeHeaders": ["string"],
        "maxAge": "duration",
        "allowCredentials": "boolean",
        "unmatchedPreflights": Enum("UNSPECIFIED", "FORWARD", "IGNORE"),
    },
}

_CONNECTION_MATCH: dict[str, Shape] = {
    "destinationSubnets": ["string"],
    "port": "integer",
    "sourceLabels": Map("string"),
    "sourceNamespace": "string",
    "gateways": ["string"],
}
_CONNECTION_ROUTE: Shape = [{"destination": Required(_DESTINATION), "weight": "integer"}]

_SERVER_TLS: Shape = {
    "mode": Enum("PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"),
    "httpsRedirect": "boolean",
    "credentialName": "string",
    "credentialNames": ["string"],
    "serverCertificate": "string",
    "privateKey": "string",
    "caCertificates": "string",
    "tlsCertificates": [{"serverCertificate": "string", "privateKey": "string", "caCertificates": "string"}],
    # What clients' certificates, and the handshake, must be like: clients have no certificate but Istio's.
    "caCertCredentialName": "string",
    "caCrl": "string",
    "subjectAltNames": ["string"],
    "verifyCertificateHash": ["string"],
    "verifyCertificateSpki": ["string"],
    "insecureSkipVerify": "boolean",
    "minProtocolVersion": Enum("TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"),
    "maxProtocolVersion": Enum("TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"),
    "cipherSuites": ["string"],
    "ecdhCurves": ["string"],
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
        "trustDomains",
    )
    for name in (positive, "not" + positive[0].upper() + positive[1:])
}
_OPERATION: Shape = {
    name: ["string"]
    for positive in ("hosts", "ports", "methods", "paths")
    for name in (positive, "not" + positive[0].upper() + positive[1:])
}
_TARGET: Shape = {
    "group": "string",
    "kind": Required("string"),
    "name": Required("string"),
    "namespace": "string",
}
_TARGETS: dict[str, Shape] = {"selector": _SELECTOR, "targetRef": _TARGET, "targetRefs": [_TARGET]}
_JWT_RULE: Shape = {
    "issuer": _NON_EMPTY,
    "audiences": [_NON_EMPTY],
    "jwks": "string",
    "jwksUri": _NON_EMPTY,
    "jwks_uri": LATER,
    "fromHeaders": [{"name": Required(_NON_EMPTY), "prefix": "string"}],
    "fromParams": [_NON_EMPTY],
    "fromCookies": [_NON_EMPTY],
    "forwardOriginalToken": "boolean",
    "outputPayloadToHeader": "string",
    "outputClaimToHeaders": [
        {"header": Required(Pattern("^[-_A-Za-z0-9]+$")), "claim": Required(_NON_EMPTY)}
    ],
    "spaceDelimitedClaims": [_NON_EMPTY],
    "timeout": "duration",
    "presence": LATER,
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
            "tls": [
                {
                    "match": Required([{"sniHosts": Required(["string"]), **_CONNECTION_MATCH}]),
                    "route": _CONNECTION_ROUTE,
                }
            ],
            "tcp": [{"match": [{**_CONNECTION_MATCH, "sourceSubnet": "string"}], "route": _CONNECTION_ROUTE}],
        },
    ),
    **istio_registry.KINDS,
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
                    "tls": _SERVER_TLS,
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
    ("security.istio.io", "RequestAuthentication"): Kind(_SECURITY, {**_TARGETS, "jwtRules": [_JWT_RULE]}),
    ("security.istio.io", "AuthorizationPolicy"): Kind(
        _SECURITY,
        {
            **_TARGETS,
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

RELEASE = "istio 1.31"
"""The release that the table is of."""

INERT = frozenset({("telemetry.istio.io", "Telemetry")})
"""What Istio only reports by: requests fare the same."""
