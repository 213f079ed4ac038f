"""Whatever can't be carried over is reported with its field, never passed over."""

from __future__ import annotations

import pytest

from harness.analysis.translate import Severity, translate
from harness.api.schema.releases import Release
from tests.model.clusters import deployment, resource
from tests.translate.estates import APPS, reported, workload

SECURITY, NETWORKING = "security.istio.io/v1", "networking.istio.io/v1"


def rule(more: str) -> object:
    return resource(
        "VirtualService",
        "shop/web",
        "{hosts: [web], http: [{route: [{destination: {host: web}}], " + more + "}]}",
    )


def destination_rule(policy: str) -> object:
    return resource("DestinationRule", "shop/web", "{host: web, trafficPolicy: {" + policy + "}}")


def policy(spec: str) -> object:
    return resource("AuthorizationPolicy", "shop/policy", spec, SECURITY)


LOST, CHANGED, CHECK = Severity.LOST, Severity.CHANGED, Severity.CHECK
CONDITION = "spec.rules[0].from[0].source"

# an object of Istio's; severity, topic and field of the finding
FINDINGS = {
    "fault": (rule("fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}"), LOST, "fault-injection", "spec.http[0].fault"),
    "host outside of the cluster": (
        resource("VirtualService", "shop/out", "{hosts: [api.example.com], http: [{route: [{destination: {host: api.example.com}}]}]}"),
        LOST,
        "outside-host",
        "spec.hosts",
    ),
    "CORS": (rule("corsPolicy: {allowOrigins: [{exact: x}]}"), LOST, "cors", "spec.http[0].corsPolicy"),
    "mirror": (rule("mirror: {host: web-v2}"), LOST, "mirror", "spec.http[0].mirror"),
    "mirrors": (rule("mirrors: [{destination: {host: web-v2}}]"), LOST, "mirror", "spec.http[0].mirrors"),
    "rewrite": (rule("rewrite: {uri: /x}"), LOST, "rewrite", "spec.http[0].rewrite"),
    "source labels": (rule("match: [{sourceLabels: {app: x}}]"), LOST, "match", "spec.http[0].match[0].sourceLabels"),
    "expression that Rust can't say": (rule(r"match: [{uri: {regex: '/\w{400}'}}]"), LOST, "match", "spec.http[0].match[0].uri"),
    "expression that RE2 refuses": (rule("match: [{headers: {a: {regex: '(?=x)'}}}]"), LOST, "match", "spec.http[0].match[0].headers"),
    "method by an expression that RE2 refuses": (rule("match: [{method: {regex: '('}}]"), LOST, "match", "spec.http[0].match[0].method"),
    "authority": (rule("match: [{authority: {exact: x}}]"), LOST, "match", "spec.http[0].match[0].authority"),
    "field that Istio may get": (rule("shadow: {to: x}"), LOST, "unknown-field", "spec.http[0].shadow"),
    "condition that Istio may get": (rule("match: [{moon: full}]"), LOST, "match", "spec.http[0].match[0].moon"),
    "failed connections": (rule("retries: {attempts: 3, retryOn: connect-failure}"), CHANGED, "retries", "spec.http[0].retries.retryOn"),
    "time of a try": (rule("retries: {attempts: 3, retryOn: '503', perTryTimeout: 1s}"), CHANGED, "retries", "spec.http[0].retries.perTryTimeout"),
    "direct response": (
        resource("VirtualService", "shop/web", "{hosts: [web], http: [{directResponse: {status: 403}}]}"),
        LOST,
        "direct-response",
        "spec.http[0].directResponse",
    ),
    "delegate": (resource("VirtualService", "shop/web", "{hosts: [web], http: [{delegate: {name: x}}]}"), LOST, "delegate", "spec.http[0].delegate"),
    "mutual TLS of unknown workloads": (
        resource("PeerAuthentication", "shop/else", "{selector: {matchLabels: {app: else}}, mtls: {mode: STRICT}}", SECURITY),
        LOST,
        "unknown-workloads",
        "spec.selector",
    ),
    "connections at an unknown gateway": (
        resource("VirtualService", "shop/web", "{hosts: [a.example.com], gateways: [out], tls: [{match: [{sniHosts: [a.example.com], port: 443}], route: [{destination: {host: web}}]}]}"),
        CHECK,
        "unknown-gateway",
        "spec.gateways",
    ),
    "networks that Istio's clients go to past the proxy": (
        deployment("shop/it", {"containers": [{"name": "it", "image": "it"}]}, {"labels": {}, "annotations": {"traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.0.0.0/8"}}),
        LOST,
        "annotation",
        "spec.template.metadata.annotations.traffic.sidecar.istio.io/excludeOutboundIPRanges",
    ),
    "ports that are served past the proxy": (
        deployment("shop/it", {"containers": [{"name": "it", "image": "it"}]}, {"labels": {}, "annotations": {"traffic.sidecar.istio.io/excludeInboundPorts": "9090"}}),
        CHANGED,
        "annotation",
        "spec.template.metadata.annotations.traffic.sidecar.istio.io/excludeInboundPorts",
    ),
    "label without a counterpart": (
        deployment("shop/it", {"containers": [{"name": "it", "image": "it"}]}, {"labels": {"topology.istio.io/network": "a"}}),
        LOST,
        "annotation",
        "spec.template.metadata.labels.topology.istio.io/network",
    ),
    "kind of an Istio long gone": (
        resource("Policy", "shop/default", "{peers: [{mtls: {}}]}", "authentication.istio.io/v1alpha1"),
        CHECK,
        "no-effect",
        "apiVersion",
    ),
    "rule after a catch-all": (
        resource("VirtualService", "shop/web", "{hosts: [web], http: [{route: [{destination: {host: web}}]}, {match: [{uri: {exact: /x}}], route: [{destination: {host: web-v2}}]}]}"),
        CHECK,
        "unreachable",
        "spec.http[1]",
    ),
    "connection pool": (destination_rule("connectionPool: {tcp: {maxConnections: 1}}"), LOST, "connection-pool", "spec.trafficPolicy.connectionPool"),
    "sessions": (destination_rule("loadBalancer: {consistentHash: {useSourceIp: true}}"), LOST, "load-balancing", "spec.trafficPolicy.loadBalancer.consistentHash"),
    "balancer": (destination_rule("loadBalancer: {simple: ROUND_ROBIN}"), CHANGED, "load-balancing", "spec.trafficPolicy.loadBalancer.simple"),
    "TLS of its own": (destination_rule("tls: {mode: SIMPLE}"), LOST, "tls-origination", "spec.trafficPolicy.tls.mode"),
    "outlier detection": (destination_rule("outlierDetection: {interval: 1s}"), CHANGED, "outlier-detection", "spec.trafficPolicy.outlierDetection.interval"),
    "CUSTOM": (policy("{action: CUSTOM, provider: {name: x}, rules: [{}]}"), LOST, "external-authorization", "spec.action"),
    "AUDIT": (policy("{action: AUDIT, rules: [{}]}"), CHECK, "audit", "spec.action"),
    "JWT": (policy("{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}"), LOST, "policy-condition", CONDITION),
    "JWT's claim": (policy("{rules: [{when: [{key: 'request.auth.claims[x]', values: [y]}]}]}"), LOST, "policy-condition", "spec.rules[0].when[0]"),
    "prefix principal": (policy("{rules: [{from: [{source: {principals: ['cluster.local/ns/shop/sa/c*']}}]}]}"), CHANGED, "principal-pattern", f"{CONDITION}.principals"),
    "allow all but one": (policy("{rules: [{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/cart]}}]}]}"), LOST, "policy-condition", "spec.rules[0]"),
    "deny one": (policy("{action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}"), LOST, "policy-overlap", "spec.rules[0]"),
    "source that Istio may get": (policy("{rules: [{from: [{source: {moons: [x]}}]}]}"), LOST, "policy-condition", CONDITION),
    "host": (policy("{rules: [{to: [{operation: {hosts: [x]}}]}]}"), LOST, "policy-condition", "spec.rules[0].to[0].operation"),
    "no such workload": (policy("{selector: {matchLabels: {app: x}}}"), LOST, "unknown-workloads", "spec.selector"),
    "STRICT": (resource("PeerAuthentication", "shop/default", "{mtls: {mode: STRICT}}"), CHANGED, "strict", "spec.mtls.mode"),
    "EnvoyFilter": (resource("EnvoyFilter", "shop/x", "{}", "networking.istio.io/v1alpha3"), LOST, "envoy-filter", ""),
    "WasmPlugin": (resource("WasmPlugin", "shop/x", "{}", "extensions.istio.io/v1alpha1"), LOST, "wasm", ""),
    "Telemetry": (resource("Telemetry", "shop/x", "{}", "telemetry.istio.io/v1"), LOST, "telemetry", ""),
    "RequestAuthentication": (resource("RequestAuthentication", "shop/x", "{}", SECURITY), LOST, "jwt", ""),
    "port that a proxy sends to": (
        resource("ServiceEntry", "shop/out", "{hosts: [a.example.com], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}], resolution: DNS}"),
        LOST,
        "egress-port",
        "spec.ports[0].targetPort",
    ),
    "connections by port": (
        resource("NetworkPolicy", "shop/web", "{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]}", "networking.k8s.io/v1"),
        LOST,
        "network-policy",
        "spec.ingress[0].ports",
    ),
    "subset": (
        resource("DestinationRule", "shop/web", "{host: web, subsets: [{name: v1, labels: {version: v1}}]}"),
        CHECK,
        "subset",
        "spec.subsets[0]",
    ),
    "kind of somebody else's": (resource("Canary", "shop/x", "{}", "flagger.app/v1beta1"), CHECK, "foreign-kind", "kind"),
    "typo": (rule("timeuot: 1s"), CHECK, "unknown-field", "spec.http[0].timeuot"),
    "shares of 110": (
        resource("VirtualService", "shop/web", "{hosts: [web], http: [{route: [{destination: {host: web}, weight: 80}, {destination: {host: web-v2}, weight: 30}]}]}"),
        CHECK,
        "weights",
        "spec.http[0].route",
    ),
    "namespace in no manifest": (rule("timeout: 1s"), CHECK, "injection", "metadata.namespace"),
    "policy at a gateway": (
        resource("AuthorizationPolicy", "istio-system/door", "{action: CUSTOM, provider: {name: x}, selector: {matchLabels: {istio: ingressgateway}}, rules: [{}]}", SECURITY),
        CHECK,
        "gateway-policy",
        "spec.selector",
    ),
    "tokens at a gateway": (
        resource("RequestAuthentication", "istio-system/door", "{selector: {matchLabels: {istio: ingressgateway}}, jwtRules: [{issuer: x}]}", SECURITY),
        CHECK,
        "gateway-policy",
        "",
    ),
    "filter of gateways alone": (
        resource("EnvoyFilter", "istio-system/door", "{configPatches: [{applyTo: HTTP_FILTER, match: {context: GATEWAY}}], workloadSelector: {labels: {istio: ingressgateway}}}", NETWORKING),
        CHECK,
        "gateway-policy",
        "",
    ),
    "Sidecar": (resource("Sidecar", "shop/x", "{}", NETWORKING), LOST, "sidecar", ""),
}  # fmt: skip


@pytest.mark.parametrize(("config", "severity", "topic", "field"), FINDINGS.values(), ids=FINDINGS)
def test_it_is_reported(config: object, severity: Severity, topic: str, field: str):
    made = translate([*APPS, config, resource("Sidecar", "shop/any", "{}", NETWORKING)])
    told = [(one.severity, one.topic, one.field, one.resource) for one in made.findings]
    where = str(config) if topic != "injection" else "Deployment shop/cart"
    assert (severity, topic, field, where) in told
    if topic == "gateway-policy":
        assert not any(other is LOST for other, *_, where in told if where == str(config))


# what a rule of a gateway's VirtualService says besides; what is told of it
AT_GATEWAYS = {
    "fault": ("fault: {delay: {fixedDelay: 5s, percentage: {value: 100}}}", "fault-injection.gateway"),
    "CORS": ("corsPolicy: {allowOrigins: [{exact: x}]}", "cors.gateway"),
    "retries": ("retries: {attempts: 3, retryOn: connect-failure, perTryTimeout: 1s}", "retries.gateway"),
    "claim": ("match: [{headers: {'@request.auth.claims.x': {exact: y}}}]", "match"),
    "mirror": ("mirror: {host: web-v2}, mirrorPercentage: {value: 10}", None),
    "rewrite": ("rewrite: {uri: /}", None),
}


@pytest.mark.parametrize(("more", "code"), AT_GATEWAYS.values(), ids=AT_GATEWAYS)
def test_a_reason_speaks_of_what_the_rule_is_for(more: str, code: str | None):
    http = "{route: [{destination: {host: web}}], " + more + "}"
    gateway = resource("Gateway", "shop/gw", "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}")  # fmt: skip
    entered = resource("VirtualService", "shop/web", "{hosts: ['*'], gateways: [gw], http: [" + http + "]}")
    made = [one for one in translate([*APPS, gateway, entered]).findings if one.resource == str(entered)]
    assert [one.code for one in made] == ([code] if code else [])
    assert not [one.why for one in made if "Linkerd" in one.why]


def test_a_typo_is_told_with_what_was_meant():
    made = translate([*APPS, rule("timeuot: 1s")])
    (finding,) = [one for one in made.findings if one.topic == "unknown-field"]
    assert finding.todo.startswith("did you mean timeout?")
    assert "VirtualService has no field timeuot" in finding.why


@pytest.mark.parametrize("field", ["spec.moon", "spec.http[0].moon", "spec.http[0].route[0].moon", "spec.http[0].route[0].destination.moon", "spec.http[0].retries.moon", "spec.http[0].headers.request.moon"])  # fmt: skip
def test_a_field_that_nobody_reads_is_lost(field: str):
    http = {
        "route": [{"destination": {"host": "web"}}],
        "retries": {"attempts": 1, "retryOn": "503"},
        "headers": {"request": {"set": {"x": "y"}}},
    }
    spec: dict[str, object] = {"hosts": ["web"], "http": [http]}
    part: object = {"spec": spec}
    *path, last = field.replace("[0]", ".0").split(".")
    for key in path:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[last] = "x"
    made = translate([*APPS, resource("VirtualService", "shop/web", spec)])
    assert [(one.severity, one.field) for one in reported(made)] == [(LOST, field)]


# a server's TLS; what is lost of it
GATEWAY_TLS = {
    "by Secret": ("{mode: SIMPLE, credentialName: cert}", []),
    "passed on": ("{mode: PASSTHROUGH}", []),
    "by Secret, with a version": (
        "{mode: SIMPLE, credentialName: cert, minProtocolVersion: TLSV1_3}",
        ["spec.servers[0].tls.minProtocolVersion"],
    ),
    "by files": ("{mode: SIMPLE, serverCertificate: /c, privateKey: /k}", ["spec.servers[0].tls"]),
    "of both sides": ("{mode: MUTUAL, credentialName: cert}", []),
    "for other clusters": ("{mode: AUTO_PASSTHROUGH}", ["spec.servers[0].tls.mode"]),
}  # fmt: skip


@pytest.mark.parametrize(("tls", "lost"), GATEWAY_TLS.values(), ids=GATEWAY_TLS)
def test_what_a_listener_cant_say_of_tls_is_lost_and_nothing_else(tls: str, lost: list[str]):
    port = "{number: 443, name: tls, protocol: " + ("TLS" if "PASSTHROUGH" in tls else "HTTPS") + "}"
    spec = "{selector: {istio: x}, servers: [{hosts: [a.example.com], port: " + port + ", tls: " + tls + "}]}"
    made = translate([*APPS, resource("Gateway", "shop/gw", spec, NETWORKING)])
    assert [one.field for one in made.findings if one.severity is LOST] == lost


@pytest.mark.parametrize(
    ("names", "lost"), [("['*']", True), ("[a.example.com, '*']", True), ("[a.example.com]", False)]
)
def test_no_route_of_a_gateway_takes_every_sni(names: str, lost: bool):
    server = "{port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ['*']}"
    gateway = resource("Gateway", "shop/in", "{selector: {istio: x}, servers: [" + server + "]}", NETWORKING)
    match = "{match: [{sniHosts: " + names + ", port: 443}], route: [{destination: {host: web}}]}"
    routed = resource(
        "VirtualService", "shop/web", "{hosts: ['*'], gateways: [in], tls: [" + match + "]}", NETWORKING
    )
    made = translate([*APPS, gateway, routed])
    assert [one.field for one in made.findings if one.code == "match.any-sni"] == ["spec.tls[0]"] * lost
    assert ("TLSRoute" in [one.kind for one in made.objects]) is not lost


def test_a_probe_stays_open():
    apps = [*APPS, *workload("shop/probed", probe="/healthz")]
    made = translate([*apps, policy("{rules: [{to: [{operation: {methods: [POST]}}]}]}")])
    (finding,) = [one for one in made.findings if one.topic == "probes"]
    assert "GET /healthz on port 8080 of Deployment shop/probed is open to everyone" in finding.why
    rules = [one.data["spec"]["rules"][0] for one in made.objects if one.kind == "HTTPRoute"]
    matches = [match for rule in rules for match in rule.get("matches", ())]
    assert {"path": {"type": "Exact", "value": "/healthz"}, "method": "GET"} in matches


def test_a_second_virtual_service_for_a_host_has_no_effect():
    spec = "{hosts: [web], http: [{route: [{destination: {host: web}}]}]}"
    made = translate([*APPS, *(resource("VirtualService", f"shop/{name}", spec) for name in "ba")])
    assert [one.name for one in made.objects] == ["a"]
    assert [(one.topic, one.resource) for one in reported(made)] == [("no-effect", "VirtualService shop/b")]


def test_of_objects_with_one_name_the_last_counts():
    first, last = (
        resource("VirtualService", "shop/web", "{hosts: [web], http: [{route: [{destination: {host: " + host + "}}]}]}")
        for host in ("web", "web-v2")
    )  # fmt: skip
    made, alone = translate([*APPS, first, last]), translate([*APPS, last])
    assert (made.objects, made.findings) == (alone.objects, alone.findings)


def test_a_translation_doesnt_depend_on_the_order_of_its_input():
    config = [config for config, *_ in FINDINGS.values()]
    unique = list({one.key: one for one in config}.values())
    one, other = translate([*APPS, *unique]), translate([*unique[::-1], *APPS])
    assert one.objects == other.objects
    assert [made.data for made in one.objects] == [made.data for made in other.objects]


@pytest.mark.parametrize(("served", "unserved"), [(["v1"], True), (["v1", "v1alpha2"], False)])
def test_what_the_cluster_does_not_serve_is_named(served, unserved):
    definition = resource(
        "CustomResourceDefinition",
        "tlsroutes.gateway.networking.k8s.io",
        {
            "group": "gateway.networking.k8s.io",
            "names": {"kind": "TLSRoute"},
            "versions": [{"name": version, "served": True} for version in served],
        },
        "apiextensions.k8s.io/v1",
    )
    mesh = resource("ConfigMap", "istio-system/istio")
    mesh.data["data"] = {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
    spec = "{hosts: [api.example.org], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}"
    made = translate([*APPS, definition, mesh, resource("ServiceEntry", "shop/api", spec)])
    assert ("TLSRoute" in [one.kind for one in made.objects]) is not unserved
    named = [one for one in made.findings if one.topic == "unserved"]
    assert bool(named) is unserved
    assert all(one.severity is Severity.LOST and "the EgressNetwork denies" in one.why for one in named)
    assert made.served.sources == (
        "linkerd edge-26.8",
        "gateway.networking.k8s.io (its CustomResourceDefinitions)",
    )


# retries, the codes of what is told
RETRIES = {
    "time limit alone": ("{attempts: 3, perTryTimeout: 2s}", {"retries.dropped", "retries.try"}),
    "time limit without tries": ("{attempts: 0, perTryTimeout: 2s}", {"retries.try"}),
    "statuses": ("{attempts: 3, perTryTimeout: 2s, retryOn: 5xx}", {"retries.timeout"}),
}


# ports of a NetworkPolicy's rule that keep no proxy out
FREE_PORTS = {
    "proxies' port": "[{port: 8080}, {port: 4143}]",
    "range": "[{port: 4000, endPort: 5000}]",
    "datagrams": "[{port: 53, protocol: UDP}]",
    "all": "[{protocol: TCP}]",
    "none": "[]",
}


@pytest.mark.parametrize("ports", FREE_PORTS.values(), ids=FREE_PORTS)
def test_a_network_policy_that_lets_proxies_through_is_no_finding(ports: str):
    spec = "{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: " + ports + "}]}"
    policy_ = resource("NetworkPolicy", "shop/web", spec, "networking.k8s.io/v1")
    assert reported(translate([*APPS, policy_, rule("timeout: 1s")])) == []


@pytest.mark.parametrize(("retries", "codes"), RETRIES.values(), ids=RETRIES)
def test_a_time_limit_of_a_try_is_told(retries: str, codes: set[str]):
    made = translate([*APPS, rule(f"retries: {retries}")])
    assert {one.code for one in reported(made)} == codes


@pytest.mark.parametrize(("release", "refused"), [("1.1/standard", True), ("1.2/standard", False)])
def test_what_a_release_has_no_field_for_is_named(release, refused):
    rule = "{timeout: 2s, route: [{destination: {host: web}}]}"
    bound = resource("VirtualService", "shop/web", f"{{hosts: [web], http: [{rule}]}}")
    made = translate([*APPS, *Release.parse(release).definitions("a test"), bound])
    named = [one.why for one in made.findings if one.topic == "unserved"]
    assert ["it has no spec.rules[0].timeouts" in why for why in named] == [True] * refused
    applied = [one.kind for one in made.applied([])]
    assert ("HTTPRoute" in applied) is not refused
