"""ServiceEntry, WorkloadEntry, Sidecar and DestinationRule (networking.istio.io), as of Istio 1.31."""

from __future__ import annotations

from harness.api.schema.shapes import LATER, PORT, Enum, Kind, Map, Range, Required, Shape

_VERSIONS = ("v1", "v1beta1", "v1alpha3")
_PERCENT = Range(0, 100)
_WHOLE = Range(0, 2**31 - 1)

_CONNECTION_POOL: Shape = {
    "tcp": {
        "maxConnections": "integer",
        "connectTimeout": "duration",
        "tcpKeepalive": {"probes": "integer", "time": "duration", "interval": "duration"},
        "maxConnectionDuration": "duration",
        "idleTimeout": "duration",
    },
    "http": {
        "http1MaxPendingRequests": "integer",
        "http2MaxRequests": "integer",
        "maxRequestsPerConnection": "integer",
        "maxRetries": "integer",
        "idleTimeout": "duration",
        "h2UpgradePolicy": Enum("DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"),
        "useClientProtocol": "boolean",
        "maxConcurrentStreams": "integer",
        "http2KeepAlive": {"interval": "duration", "timeout": "duration"},
    },
}
_CONSISTENT_HASH: Shape = {
    "httpHeaderName": "string",
    "httpCookie": {
        "name": Required("string"),
        "path": "string",
        "ttl": "duration",
        "attributes": [{"name": Required("string"), "value": "string"}],
    },
    "useSourceIp": "boolean",
    "httpQueryParameterName": "string",
    "ringHash": {"minimumRingSize": _WHOLE},
    "maglev": {"tableSize": _WHOLE},
    "minimumRingSize": _WHOLE,
}
_FAILOVER: Shape = [{"from": "string", "to": "string"}]
_LOAD_BALANCER: Shape = {
    "simple": Enum("UNSPECIFIED", "RANDOM", "PASSTHROUGH", "ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN"),
    "consistentHash": _CONSISTENT_HASH,
    "warmup": {"duration": Required("duration"), "minimumPercent": "number", "aggression": "number"},
    "warmupDurationSecs": "duration",
    "localityLbSetting": {
        "distribute": [{"from": "string", "to": Map(_PERCENT)}],
        "failover": _FAILOVER,
        "failoverPriority": ["string"],
        "enabled": "boolean",
    },
    "zoneAwareLbSetting": LATER,
}
_OUTLIER_DETECTION: Shape = {
    "consecutiveErrors": "integer",
    "splitExternalLocalOriginErrors": "boolean",
    "consecutiveLocalOriginFailures": _WHOLE,
    "consecutiveGatewayErrors": _WHOLE,
    "consecutive5xxErrors": _WHOLE,
    "interval": "duration",
    "baseEjectionTime": "duration",
    "maxEjectionPercent": "integer",
    "minHealthPercent": "integer",
    "outlierDetectionHttpErrorCodes": [Range(100, 599)],
}
_CLIENT_TLS: Shape = {
    "mode": Enum("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"),
    "sni": "string",
    "subjectAltNames": ["string"],
    "clientCertificate": "string",
    "privateKey": "string",
    "caCertificates": "string",
    "caCrl": "string",
    "credentialName": "string",
    "insecureSkipVerify": "boolean",
}
_PORT_POLICY: dict[str, Shape] = {
    "loadBalancer": _LOAD_BALANCER,
    "connectionPool": _CONNECTION_POOL,
    "outlierDetection": _OUTLIER_DETECTION,
    "tls": _CLIENT_TLS,
}
_TRAFFIC_POLICY: Shape = {
    **_PORT_POLICY,
    "portLevelSettings": [{**_PORT_POLICY, "port": {"number": "integer"}}],
    "tunnel": LATER,
    "proxyProtocol": LATER,
    "retryBudget": {"percent": "number", "minRetryConcurrency": _WHOLE, "budgetInterval": "duration"},
}

_LABELS: Shape = {"labels": Map("string")}
_WORKLOAD_ENTRY: dict[str, Shape] = {
    "address": "string",
    "ports": Map(PORT),
    "labels": Map("string"),
    "network": LATER,
    "locality": LATER,
    "weight": _WHOLE,
    "serviceAccount": "string",
}

KINDS: dict[tuple[str, str], Kind] = {
    ("networking.istio.io", "DestinationRule"): Kind(
        _VERSIONS,
        {
            "host": Required("string"),
            "trafficPolicy": _TRAFFIC_POLICY,
            "subsets": [
                {"name": Required("string"), "labels": Map("string"), "trafficPolicy": _TRAFFIC_POLICY}
            ],
            "exportTo": ["string"],
            "workloadSelector": {"matchLabels": Map("string")},
        },
    ),
    ("networking.istio.io", "ServiceEntry"): Kind(
        _VERSIONS,
        Required(
            {
                "hosts": Required(["string"]),
                "addresses": ["network"],
                "ports": [
                    {
                        "number": Required(PORT),
                        "name": Required("string"),
                        "protocol": "string",
                        "targetPort": PORT,
                    }
                ],
                "location": Enum("MESH_EXTERNAL", "MESH_INTERNAL"),
                "resolution": Enum("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
                "endpoints": [_WORKLOAD_ENTRY],
                "workloadSelector": _LABELS,
                "exportTo": ["string"],
                "subjectAltNames": ["string"],
            }
        ),
    ),
    ("networking.istio.io", "WorkloadEntry"): Kind(_VERSIONS, Required(_WORKLOAD_ENTRY)),
    ("networking.istio.io", "Sidecar"): Kind(
        _VERSIONS,
        {
            "workloadSelector": _LABELS,
            "ingress": LATER,
            "egress": [
                {
                    "hosts": Required(["string"]),
                    "port": LATER,
                    "bind": LATER,
                    "captureMode": Enum("DEFAULT", "IPTABLES", "NONE"),
                }
            ],
            "inboundConnectionPool": _CONNECTION_POOL,
            "outboundTrafficPolicy": {"mode": Enum("ALLOW_ANY", "REGISTRY_ONLY"), "egressProxy": LATER},
        },
    ),
}
