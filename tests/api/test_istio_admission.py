"""What Istio's definitions and its webhook refuse, field by field."""

from __future__ import annotations

import pytest
import yaml

from harness.model import Refused, changes
from tests.model.clusters import ISTIO, cluster, resource

STATE = cluster(ISTIO)
SECURITY = "security.istio.io/v1"
APIS = {
    "PeerAuthentication": SECURITY,
    "AuthorizationPolicy": SECURITY,
    "RequestAuthentication": SECURITY,
    "Telemetry": "telemetry.istio.io/v1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    "ProxyConfig": "networking.istio.io/v1beta1",
    "WorkloadGroup": "networking.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
}
TO_A = "route: [{destination: {host: a}}]"

# A kind, where a part stands in its spec (@), and parts with some of the words; none for what is taken.
PARTS = {
    "connections": (
        "DestinationRule",
        "{host: a, trafficPolicy: {connectionPool: @}}",
        {
            "{}": "connection pool must have at least one field",
            "{tcp: {maxConnections: -1}}": "max connections must be non-negative",
            "{tcp: {connectTimeout: 0s}}": 'connectTimeout: Invalid value: "0s": must be a valid duration',
            "{tcp: {connectTimeout: 1500us}}": "only durations to ms precision are supported",
            "{tcp: {idleTimeout: 0s}}": "",
            "{tcp: {idleTimeout: 1500us}}": "only durations to ms precision are supported",
            "{tcp: {tcpKeepalive: {time: 2s, interval: 1ms}}}": "",
            "{tcp: {tcpKeepalive: {time: 1us}}}": "must be a valid duration greater than 1ms",
            "{http: {maxRetries: -1}}": "max retries must be non-negative",
            "{http: {http1MaxPendingRequests: -1}}": "http1 max pending requests must be non-negative",
            "{http: {http2KeepAlive: {interval: 1s}}}": "http2 keepalive timeout is required",
            "{http: {http2KeepAlive: {interval: 1s, timeout: 1s}}}": "",
            "{http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}": "use client protocol must not",
        },
    ),
    "outliers": (
        "DestinationRule",
        "{host: a, trafficPolicy: {outlierDetection: @}}",
        {
            "{interval: 1s, baseEjectionTime: 1h, maxEjectionPercent: 100}": "",
            "{maxEjectionPercent: 101}": "percentage 101 is not in range 0..100",
            "{minHealthPercent: -1}": "percentage -1 is not in range 0..100",
            "{consecutive5xxErrors: -1}": "in body should be greater than or equal to 0",
            "{consecutiveLocalOriginFailures: 1}": "split external local origin errors is set to false",
        },
    ),
    "balancing": (
        "DestinationRule",
        "{host: a, trafficPolicy: {loadBalancer: @}}",
        {
            "{simple: RANDOM, consistentHash: {useSourceIp: true}}": "(oneOf). Found 2 valid",
            "{consistentHash: {useSourceIp: true, httpHeaderName: x}}": "(oneOf). Found 2 valid",
            "{consistentHash: {httpCookie: {name: ''}}}": "name required for HttpCookie",
            "{consistentHash: {httpCookie: {name: a, attributes: [{name: ''}]}}}": "name cannot be empty",
            "{consistentHash: {httpCookie: {name: a, attributes: [{name: b}, {name: b}]}}}": "duplicate cookie",
            "{consistentHash: {useSourceIp: true, maglev: {tableSize: 9}}}": "must be a prime number",
            "{consistentHash: {useSourceIp: true, maglev: {tableSize: 65537}}}": "",
            "{consistentHash: {useSourceIp: true, maglev: {}}}": "tableSize must be set for maglev",
            "{consistentHash: {useSourceIp: true, maglev: {tableSize: 5000011}}}": "less than 5000011",
            "{consistentHash: {minimumRingSize: 1, ringHash: {}}}": "only one of MinimumRingSize or Maglev",
            "{warmup: {duration: 1s, aggression: 0}}": "aggression should be greater than 0",
            "{localityLbSetting: {distribute: [{from: a, to: {b: 60, c: 40}}]}}": "",
            "{localityLbSetting: {distribute: [{from: a, to: {b: 60}}]}}": "total locality weight 60 != 100",
            "{localityLbSetting: {distribute: [{from: a, to: {b: 0, c: 100}}]}}": "in range [1, 100]",
            "{localityLbSetting: {distribute: [{from: a/*, to: {a: 100}}, {from: a/b, to: {b: 100}}]}}": (
                "locality a/b overlap with previous"
            ),
            "{localityLbSetting: {distribute: [{from: a/b, to: {a: 100}}, {from: a/*, to: {b: 100}}]}}": "",
            "{localityLbSetting: {distribute: [{from: a//b, to: {a: 100}}]}}": "empty region/zone/subzone",
            "{localityLbSetting: {distribute: [{from: '*a', to: {a: 100}}]}}": "must be in the end",
            "{localityLbSetting: {failover: [{from: a, to: a}]}}": "must specify different regions",
            "{localityLbSetting: {failover: [{from: a, to: b/c}]}}": "only specify region",
            "{localityLbSetting: {failover: [{from: a, to: '*'}]}}": "should not contain '*' wildcard",
            "{localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: "
            "[topology.kubernetes.io/zone]}}": "can not simultaneously set 'failover' and topology label",
        },
    ),
    "TLS of clients": (
        "DestinationRule",
        "{host: a, trafficPolicy: {tls: @}}",
        {
            "{mode: SIMPLE, insecureSkipVerify: true}": "",
            "{mode: SIMPLE, insecureSkipVerify: true, caCertificates: a}": "when InsecureSkipVerify is set true",
            "{mode: SIMPLE, insecureSkipVerify: true, credentialName: a}": "when InsecureSkipVerify is set true",
            "{mode: MUTUAL, insecureSkipVerify: true, credentialName: a}": "",
            "{mode: MUTUAL, insecureSkipVerify: true, credentialName: a, subjectAltNames: [a]}": "InsecureSkip",
            "{mode: SIMPLE, credentialName: a, caCertificates: b}": "If credentialName is set",
            "{mode: MUTUAL, clientCertificate: a}": "private key required for mutual tls",
            "{mode: SIMPLE, credentialName: 'configmap://bare/a'}": "",
            "{mode: SIMPLE, credentialName: 'configmap://else/a'}": "must match the configuration namespace",
            "{mode: SIMPLE, credentialName: 'configmap://a'}": "invalid configmap:// credentialName",
        },
    ),
    "destination rules": (
        "DestinationRule",
        "@",
        {
            "{host: ''}": "empty domain name not allowed",
            "{host: a_b}": 'domain name "a_b" invalid (label "a_b" invalid)',
            "{host: '*.a.b'}": "",
            "{host: a.1}": 'top level domain "1" cannot be all-numeric',
            "{host: a, trafficPolicy: {}}": "traffic policy must have at least one field",
            "{host: a, trafficPolicy: {portLevelSettings: [{port: {number: 1}}]}}": "must have at least one field",
            "{host: a, subsets: [{name: a.b}]}": "subset name is invalid: a.b",
            "{host: a, subsets: [{name: b, labels: {'/': a}}]}": 'invalid tag key: "/"',
            "{host: a, subsets: [{name: b, labels: {a: '?'}}]}": 'invalid tag value: "?"',
            "{host: a, exportTo: ['~']}": "exportTo ~ (none) is not allowed",
            "{host: a, exportTo: [a.b]}": "only .,*, or a valid DNS 1123 label is allowed",
            "{host: a, exportTo: ['*', b]}": "cannot have both public (*) and non-public",
            "{host: a, exportTo: [., bare]}": "duplicate entries in exportTo for entry bare",
            "{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: [b]}": "exportTo beyond current",
            "{host: a, workloadSelector: {matchLabels: {a: b}}, exportTo: [bare]}": "",
            "{host: a, workloadSelector: {matchLabels: {'a*': b}}}": "wildcard not allowed in label key match",
        },
    ),
    "hosts of gateways": (
        "Gateway",
        "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [@]}]}",
        {
            "'*'": "",
            "./*.a.b": "",
            "10.0.0.1": "",
            "~/a.b": 'invalid namespace value "~" in gateway',
            "'*a.b'": 'partial wildcard "*a.b" not allowed',
            "a.*.b": 'label "*" invalid',
            "a": "short names (non FQDN) are not allowed",
            "/a.b": "config namespace and dnsName in host entry cannot be empty",
        },
    ),
    "servers of gateways": (
        "Gateway",
        "{servers: [@]}",
        {
            "{port: {number: 0, name: a, protocol: HTTP}, hosts: ['*']}": "port number 0 must be in the range",
            "{port: {number: 1, name: a, protocol: X}, hosts: ['*']}": 'invalid protocol "X"',
            "{port: {number: 1, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, "
            "credentialName: a, caCrl: b}}": "",
            "{port: {number: 1, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, "
            "serverCertificate: a, privateKey: b, caCrl: b}}": "CRL is not supported with SIMPLE TLS",
            "{port: {number: 1, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, "
            "credentialNames: [a, b, c]}}": "Too many: 3: must have at most 2 items",
            "{port: {number: 1, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, "
            "credentialName: a, credentialNames: [b]}}": "only one of credentialName or credentialNames",
        },
    ),
    "entries": (
        "ServiceEntry",
        "@",
        {
            "{hosts: []}": "spec.hosts in body should have at least 1 items",
            "{hosts: ['*']}": "hostname cannot be wildcard",
            "{hosts: [a.b], addresses: [a]}": "a is not a valid IP",
            "{hosts: [a.b], addresses: [10.0.0.0/40]}": "10.0.0.0/40 is not a valid CIDR block",
            "{hosts: [a.b], ports: [{number: 0, name: a}]}": "port must be between 1-65535",
            "{hosts: [a.b], ports: [{number: 1, name: a, protocol: X}]}": "unsupported protocol: X",
            "{hosts: [a.b], ports: [{number: 1, name: a}, {number: 2, name: a}]}": 'Duplicate value: {"name":"a"}',
            "{hosts: [a.b], ports: [{number: 1, name: a}, {number: 1, name: b}]}": "cannot be duplicated",
            "{hosts: [a.b], resolution: DNS, endpoints: [{address: 1.1.1.1, ports: {b: 1}}], "
            "ports: [{number: 1, name: a}]}": "endpoint port 1 is not defined by the service entry",
            "{hosts: [a.b], resolution: STATIC, endpoints: [{}]}": "Address is required",
            "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 'unix://a'}]}": "UDS must be an absolute",
            "{hosts: [a.b], workloadSelector: {labels: {a: '*'}}}": "wildcard is not supported in selector",
            "{hosts: [a.b], exportTo: ['~']}": "",
            "{hosts: [a.b], exportTo: ['~', a]}": "cannot export service entry to no one (~) and someone",
        },
    ),
    "workloads": (
        "WorkloadEntry",
        "@",
        {
            "{address: a.b}": "",
            "{address: a.b, serviceAccount: %s}" % ("a" * 254): "Too long: may not be more than 253 bytes",
            "{address: a_b}": "is not a valid FQDN or an IP address",
            "{address: 1.1.1.1, ports: {a.b: 1}}": "port name must be valid",
            "{address: 1.1.1.1, labels: {a: /}}": 'invalid tag value: "/"',
        },
    ),
    "sidecars": (
        "Sidecar",
        "@",
        {
            "{workloadSelector: {labels: {a: b}}}": "sidecar: empty configuration provided",
            "{egress: [{hosts: [a]}]}": "host must be of form namespace/dnsName",
            "{egress: [{hosts: [a/b]}]}": "short names (non FQDN) are not allowed",
            "{egress: [{hosts: ['~a/b.c', ./*]}]}": "",
            "{egress: [{hosts: [a_/b.c]}]}": 'invalid namespace value "a_" in sidecar',
            "{ingress: [{port: {number: 90, protocol: HTTP, name: a}, connectionPool: {}}]}": "at least one field",
            "{inboundConnectionPool: {}}": "connection pool must have at least one field",
        },
    ),
    "virtual services": (
        "VirtualService",
        "@",
        {
            f"{{hosts: [a_b], http: [{{{TO_A}}}]}}": 'label "a_b" invalid',
            f"{{hosts: [10.0.0.1], http: [{{{TO_A}}}]}}": "",
            f"{{hosts: [a], gateways: [a_b], http: [{{{TO_A}}}]}}": 'label "a_b" invalid',
            f"{{hosts: [a], gateways: ['*/x'], http: [{{{TO_A}}}]}}": 'invalid value for namespace: "*"',
            f"{{hosts: [a], gateways: ['ns/*'], http: [{{{TO_A}}}]}}": 'invalid value for gateway name: "*"',
            f"{{hosts: [a], gateways: [ns/], http: [{{{TO_A}}}]}}": "gateway name cannot be empty",
            f"{{hosts: [a], gateways: [g], tls: [{{match: [{{sniHosts: [10.0.0.1]}}], {TO_A}}}]}}": "",
            "{hosts: [outbound_.80_._.a.b], gateways: [g], tls: [{match: [{sniHosts: [outbound_.80_._.a.b]}], "
            f"{TO_A}}}]}}": "",
            "{hosts: [a], tcp: [{route: [{destination: {host: a_b}}]}]}": 'label "a_b" invalid',
            f"{{hosts: [a], tcp: [{{match: [{{destinationSubnets: [x]}}], {TO_A}}}]}}": "x is not a valid IP",
        },
    ),
    "rules": (
        "VirtualService",
        "{hosts: [a], http: [@]}",
        {
            f"{{timeout: 0s, {TO_A}}}": "must be a valid duration greater than 1ms",
            f"{{timeout: 1500us, {TO_A}}}": "only durations to ms precision are supported",
            f"{{retries: {{attempts: 1, perTryTimeout: 1500us}}, {TO_A}}}": "only durations to ms precision",
            f"{{match: [{{headers: {{'': {{exact: a}}}}}}], {TO_A}}}": "header name cannot be empty",
            f"{{match: [{{headers: {{'a b': {{exact: a}}}}}}], {TO_A}}}": "a b is not a valid header name",
            f"{{match: [{{headers: {{':method': {{exact: a}}}}}}], {TO_A}}}": "",
            f"{{match: [{{port: 70000}}], {TO_A}}}": "port number 70000 must be in the range 1..65535",
            f"{{match: [{{sourceLabels: {{a: /}}}}], {TO_A}}}": 'invalid tag value: "/"',
            f"{{match: [{{sourceNamespace: a.b}}], {TO_A}}}": "sourceNamespace match a.b is invalid",
            f"{{headers: {{request: {{set: {{':path': a}}}}}}, {TO_A}}}": 'header cannot have ":" prefix',
            f"{{headers: {{request: {{set: {{host: a}}}}}}, {TO_A}}}": "",
            f"{{headers: {{response: {{set: {{host: a}}}}}}, {TO_A}}}": "cannot set Host header",
            f"{{headers: {{request: {{add: {{a: 100%}}}}}}, {TO_A}}}": "Un-escaped %",
            f"{{headers: {{request: {{add: {{a: 100%%}}}}}}, {TO_A}}}": "",
            f"{{headers: {{request: {{add: {{a: '%REQ(x'}}}}}}, {TO_A}}}": "Un-terminated variable expression",
            f"{{headers: {{request: {{remove: ['']}}}}, {TO_A}}}": "header name cannot be empty",
            f"{{corsPolicy: {{allowHeaders: ['a b']}}, {TO_A}}}": "a b is not a valid header name",
            f"{{fault: {{abort: {{httpStatus: 500, grpcStatus: OK}}}}, {TO_A}}}": "(oneOf). Found 2 valid",
            f"{{fault: {{delay: {{fixedDelay: 1500us}}}}, {TO_A}}}": "only durations to ms precision",
            "{redirect: {uri: /, port: 70000}}": "port number 70000 must be in the range 1..65535",
            "{redirect: {port: 1, derivePort: FROM_PROTOCOL_DEFAULT}}": "(oneOf). Found 2 valid",
            "{route: [{destination: {host: a, subset: a.b}}]}": "subset name is invalid: a.b",
            "{route: [{destination: {host: a, port: {number: 0}}}]}": "port number 0 must be in the range",
            f"{{mirrors: [{{destination: {{host: '*'}}}}], {TO_A}}}": "invalid destination host *",
        },
    ),
    "peers": (
        "PeerAuthentication",
        "@",
        {
            "{portLevelMtls: {'80': {mode: STRICT}}}": "portLevelMtls requires selector",
            "{selector: {matchLabels: {a: b}}, portLevelMtls: {'0': {}}}": "port must be between 1-65535",
            "{selector: {matchLabels: {a: 'b*'}}}": "wildcard not allowed in label value match",
            "{selector: {matchLabels: {'': b}}}": "key must not be empty",
        },
    ),
    "policies": (
        "AuthorizationPolicy",
        "@",
        {
            "{action: DENY}": "DENY action without `rules` is meaningless",
            "{provider: {}, rules: [{}]}": "`provider` must not be with non CUSTOM action",
            "{targetRef: {kind: Service, name: a, namespace: b}}": "cross namespace referencing is not",
            "{targetRef: {kind: Service, name: ''}}": "in body should be at least 1 chars long",
            "{selector: {}, targetRefs: [{kind: Service, name: a}]}": "only one of targetRefs or selector",
            "{rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}": "Cannot set serviceAccounts",
        },
    ),
    "what is measured": (
        "Telemetry",
        "@",
        {
            "{metrics: [{overrides: [{tagOverrides: {a: {value: b}}}]}]}": "",
            "{metrics: [{overrides: [{tagOverrides: {a: {}}}]}]}": "must be set when operation is UPSERT",
            "{metrics: [{overrides: [{tagOverrides: {a: {operation: REMOVE, value: b}}}]}]}": "must not be set",
            "{tracing: [{randomSamplingPercentage: 101}]}": "should be less than or equal to 100",
            "{tracing: [{customTags: {a: {literal: {value: ''}}}}]}": "in body should be at least 1 chars long",
            "{tracing: [{customTags: {'': {}}}]}": "tag name may not be empty",
            "{targetRef: {kind: Other, name: a}}": "targetRef must be to one of",
            "{metrics: [{overrides: [{match: {metric: REQUEST_SIZE, mode: CLIENT}}]}]}": "",
            "{metrics: [{overrides: [{match: {metric: REQUEST_SIZE, customMetric: a}}]}]}": "(oneOf). Found 2",
            "{accessLogging: [{filter: {expression: 'response.code >= 400'}}]}": "",
            "{accessLogging: [{filter: {expression: 'response.code >='}}]}": "must be a valid CEL expression",
        },
    ),
    "plugins": (
        "WasmPlugin",
        "@",
        {
            "{url: 'oci://a.b/c:v1'}": "",
            "{url: 'ftp://a.b/c'}": "url must have schema one of [http, https, file, oci]",
            "{url: a, sha256: b}": "in body should match '(^$|^[a-f0-9]{64}$)'",
            "{url: a, vmConfig: {env: [{name: a}, {name: a}]}}": 'Duplicate value: {"name":"a"}',
            "{url: a, vmConfig: {env: [{name: a, valueFrom: HOST, value: b}]}}": "valueFrom is INLINE",
            "{url: a, match: [{ports: [{number: 0}]}]}": "should be greater than or equal to 1",
        },
    ),
    "scripts": (
        "TrafficExtension",
        "@",
        {
            "{lua: {inlineCode: a}}": "",
            "{}": "exactly one of wasm or lua must be set",
        },
    ),
    "proxies": ("ProxyConfig", "@", {"{concurrency: -1}": "should be greater than or equal to 0"}),
    "groups": (
        "WorkloadGroup",
        "{@}",
        {
            "template: {}, probe: {tcpSocket: {port: 80}}": "",
            "template: {}, probe: {}": "unknown health check method",
            "template: {}, probe: {exec: {command: []}}": "exec.command is required",
            "template: {}, probe: {httpGet: {port: 80, scheme: ftp}}": "scheme must be one of [HTTP, HTTPS]",
            "template: {}, probe: {httpGet: {port: 80, httpHeaders: [{name: a_b}]}}": "a_b is not a valid header name",
            "template: {}, metadata: {labels: {a: /}}": "invalid labels",
            "template: {ports: {a.b: 1}}": "port name must be valid",
        },
    ),
    "patches": (
        "EnvoyFilter",
        "{configPatches: [@]}",
        {
            "{applyTo: CLUSTER, patch: {operation: REMOVE}}": "",
            "{patch: {operation: REMOVE}}": "missing applyTo",
            "{applyTo: CLUSTER}": "missing patch",
            "{applyTo: CLUSTER, patch: {operation: MERGE}}": "missing patch value for non-remove operation",
            "{applyTo: CLUSTER, patch: {operation: REMOVE}, match: {listener: {}}}": "cannot have non cluster match",
            "{applyTo: LISTENER, patch: {operation: REMOVE}, match: {listener: {filterChain: {filter: "
            "{name: a, subFilter: {name: b}}}}}}": "with applyTo HTTP_FILTER only",
            "{applyTo: CLUSTER, patch: {operation: REMOVE}, match: {proxy: {proxyVersion: '('}}}": "invalid regex",
        },
    ),
    "tokens": (
        "RequestAuthentication",
        "{jwtRules: [@]}",
        {
            "{issuer: a, timeout: 0s}": "must be a valid duration greater than 1ms",
            "{issuer: a, timeout: 1500us}": "only durations to ms precision are supported",
            "{issuer: a, fromParams: ['']}": "in body should be at least 1 chars long",
            "{issuer: a, jwksUri: 'https://a:b'}": "url must have scheme http:// or https://",
        },
    ),
}


@pytest.mark.parametrize(
    ("kind", "whole", "part", "words"),
    [
        pytest.param(kind, whole, part, words, id=f"{name}: {part}")
        for name, (kind, whole, parts) in PARTS.items()
        for part, words in parts.items()
    ],
)
def test_admission(kind, whole, part, words):
    spec = yaml.safe_dump(yaml.safe_load(whole.replace("@", part)), default_flow_style=True)
    given = [resource(kind, "bare/x", spec, APIS.get(kind, ""))]
    if not words:
        changes.apply(STATE, given)
        return
    with pytest.raises(Refused) as caught:
        changes.apply(STATE, given)
    assert words in caught.value.what
