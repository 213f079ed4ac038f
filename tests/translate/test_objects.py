"""What single objects of Istio's become."""

from __future__ import annotations

import pytest
import yaml

from harness.analysis.translate import translate
from harness.api.schema.releases import Release
from tests.model.clusters import deployment, resource
from tests.translate.estates import APPS

CONTAINER = {"containers": [{"name": "it", "image": "it"}]}
INGRESS = resource(
    "Service",
    "istio-system/istio-ingressgateway",
    "{selector: {istio: ingressgateway}, ports: [{name: http, port: 80, targetPort: 8080}, {name: https, port: 443, targetPort: 8443}]}",
)
GATEWAY = "{selector: {istio: ingressgateway}, servers: [%s]}"
HTTP_SERVER = "{port: {number: 80, name: http, protocol: HTTP}, hosts: %s}"
REGISTRY_ONLY = resource("ConfigMap", "istio-system/istio", data={})
TRUST_DOMAIN = resource("ConfigMap", "linkerd/linkerd-config", data={})
TRUST_DOMAIN.data["data"] = {"values": "{identityTrustDomain: example.org, clusterDomain: example.org}"}
REGISTRY_ONLY.data["data"] = {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}


def gateway(server: str) -> object:
    return resource("Gateway", "shop/way", GATEWAY % server)


def ingress(http: str) -> object:
    return resource(
        "VirtualService", "shop/in", "{hosts: [shop.example.org], gateways: [way], http: " + http + "}"
    )


def mesh(more: str) -> object:
    return resource("VirtualService", "shop/web", "{hosts: [web], " + more + "}")


# Istio's objects; kind and name of what one becomes, a part of its data
EXPERIMENTAL = Release("1.6", "experimental").definitions("a test")

MADE = {
    "listener": (
        [INGRESS, gateway(HTTP_SERVER % "['shop/a.example.org', './b.example.org', '*']")],
        "Gateway way",
        """{metadata: {name: way, namespace: istio-system}, spec: {gatewayClassName: istio,
            addresses: [{type: Hostname, value: istio-ingressgateway.istio-system.svc.cluster.local}],
            listeners: [
             {name: http, port: 80, protocol: HTTP, hostname: a.example.org, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}}},
             {name: http-2, port: 80, protocol: HTTP, hostname: b.example.org, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}}},
             {name: http-3, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}}""",
    ),
    "target port of the gateway's Service": (
        [INGRESS, gateway("{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}")],
        "Gateway way",
        "{spec: {listeners: [{port: 80}]}}",
    ),
    "TLS that ends at the gateway": (
        [INGRESS, gateway("{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: cert}}")],
        "Gateway way",
        "{spec: {listeners: [{protocol: HTTPS, tls: {mode: Terminate, certificateRefs: [{kind: Secret, name: cert}]}}]}}",
    ),
    "TLS that passes": (
        [INGRESS, gateway("{port: {number: 443, name: tls, protocol: TLS}, hosts: [a.example.org], tls: {mode: PASSTHROUGH}}")],
        "Gateway way",
        "{spec: {listeners: [{protocol: TLS, hostname: a.example.org, tls: {mode: Passthrough}}]}}",
    ),
    "redirect to HTTPS": (
        [INGRESS, gateway("{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}")],
        "HTTPRoute way-to-https",
        "{spec: {parentRefs: [{kind: Gateway, name: way, namespace: istio-system, sectionName: http}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]}]}}",
    ),
    "ingress route": (
        [INGRESS, gateway(HTTP_SERVER % "['*']"), ingress("[{match: [{uri: {prefix: /web/}}], rewrite: {uri: /}, route: [{destination: {host: web}}]}]")],
        "HTTPRoute in",
        """{spec: {hostnames: [shop.example.org], parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: way, namespace: istio-system}],
            rules: [{matches: [{path: {type: PathPrefix, value: /web}}],
                     filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}],
                     backendRefs: [{name: web, port: 80}]}]}}""",
    ),
    "retries": (
        [mesh("http: [{retries: {attempts: 3, retryOn: '5xx,unavailable'}, route: [{destination: {host: web}}]}]")],
        "HTTPRoute web",
        "{metadata: {annotations: {retry.linkerd.io/http: 5xx, retry.linkerd.io/grpc: unavailable, retry.linkerd.io/limit: '3'}}}",
    ),
    "headers": (
        [mesh("http: [{headers: {request: {set: {x: y}}, response: {remove: [z]}}, route: [{destination: {host: web}, headers: {request: {add: {a: b}}}}]}]")],
        "HTTPRoute web",
        """{spec: {rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x, value: y}]}},
             {type: ResponseHeaderModifier, responseHeaderModifier: {remove: [z]}}],
             backendRefs: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: a, value: b}]}}]}]}]}}""",
    ),
    "SNI": (
        [*EXPERIMENTAL, mesh("tls: [{match: [{port: 443, sniHosts: [web.example.org]}], route: [{destination: {host: web, port: {number: 443}}}]}]")],
        "TLSRoute web",
        "{apiVersion: gateway.networking.k8s.io/v1alpha2, spec: {hostnames: [web.example.org], parentRefs: [{group: '', kind: Service, name: web, port: 443}], rules: [{backendRefs: [{name: web, port: 443}]}]}}",
    ),
    "connections": (
        [*EXPERIMENTAL, mesh("tcp: [{match: [{port: 9000}], route: [{destination: {host: web}, weight: 1}, {destination: {host: web-v2}, weight: 3}]}]")],
        "TCPRoute web",
        "{spec: {parentRefs: [{port: 9000}], rules: [{backendRefs: [{name: web, port: 80, weight: 1}, {name: web-v2, port: 80, weight: 3}]}]}}",
    ),
    "subset": (
        [resource("DestinationRule", "shop/web", "{host: web, subsets: [{name: blue, labels: {color: blue}}]}")],
        "Service web-blue",
        "{spec: {selector: {app: web, version: v1, color: blue}, ports: [{name: http, port: 80, targetPort: 8080}]}}",
    ),
    "outlier detection": (
        [resource("DestinationRule", "shop/web", "{host: web, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3, baseEjectionTime: 30s}}}")],
        "Service web",
        """{metadata: {annotations: {balancer.linkerd.io/failure-accrual: consecutive,
            balancer.linkerd.io/failure-accrual-consecutive-max-failures: '3',
            balancer.linkerd.io/failure-accrual-consecutive-min-penalty: 30s,
            balancer.linkerd.io/failure-accrual-consecutive-max-penalty: 300s}}}""",
    ),
    "STRICT": (
        [resource("PeerAuthentication", "shop/default", "{mtls: {mode: STRICT}}")],
        "Namespace shop",
        "{metadata: {annotations: {config.linkerd.io/default-inbound-policy: all-authenticated}}}",
    ),
    "STRICT but for a port": (
        [resource("PeerAuthentication", "shop/web", "{selector: {matchLabels: {version: v2}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: PERMISSIVE}}}")],
        "Server web-v2-8080",
        "{spec: {podSelector: {matchLabels: {app: web, version: v2}}, port: 8080, accessPolicy: all-unauthenticated}}",
    ),
    "injection": (
        [resource("Namespace", "shop", labels={"istio-injection": "enabled", "team": "a"})],
        "Namespace shop",
        "{metadata: {name: shop, labels: {team: a}, annotations: {linkerd.io/inject: enabled}}}",
    ),
    "pod without a proxy": (
        [deployment("shop/it", CONTAINER, {"labels": {"app": "it", "sidecar.istio.io/inject": "false"}})],
        "Deployment it",
        "{spec: {template: {metadata: {labels: {app: it}, annotations: {linkerd.io/inject: disabled}}}}}",
    ),
    "skipped ports": (
        [deployment("shop/it", CONTAINER, {"labels": {"app": "it"}, "annotations": {"traffic.sidecar.istio.io/excludeOutboundPorts": "3306"}})],
        "Deployment it",
        "{spec: {template: {metadata: {annotations: {config.linkerd.io/skip-outbound-ports: '3306'}}}}}",
    ),
    "pod that asks by annotation alone, which brings no injector": (
        [deployment("shop/it", CONTAINER, {"labels": {"app": "it"}, "annotations": {"sidecar.istio.io/inject": "true"}})],
        "Deployment it",
        "{spec: {template: {metadata: {labels: {app: it}}}}}",
    ),
    "level of the proxy's log": (
        [deployment("shop/it", CONTAINER, {"labels": {"app": "it"}, "annotations": {"sidecar.istio.io/logLevel": "warning"}})],
        "Deployment it",
        "{spec: {template: {metadata: {annotations: {config.linkerd.io/proxy-log-level: warn}}}}}",
    ),
    "native sidecar": (
        [deployment("shop/it", CONTAINER, {"labels": {"app": "it"}, "annotations": {"sidecar.istio.io/nativeSidecar": "false"}})],
        "Deployment it",
        "{spec: {template: {metadata: {annotations: {config.linkerd.io/proxy-enable-native-sidecar: 'false'}}}}}",
    ),
    "gateway's route to another namespace": (
        [
            resource("Gateway", "shop/front", "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}", "networking.istio.io/v1"),
            resource("VirtualService", "shop/front", "{hosts: ['*'], gateways: [front], http: [{route: [{destination: {host: tool.ops.svc.cluster.local}}]}]}"),
        ],
        "ReferenceGrant routes-of-shop",
        "{metadata: {namespace: ops}, spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}], to: [{group: '', kind: Service, name: tool}]}}",
    ),
    "identity in Linkerd's trust domain": (
        [
            TRUST_DOMAIN,
            resource("AuthorizationPolicy", "shop/web", "{selector: {matchLabels: {app: web}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}", "security.istio.io/v1"),
        ],
        "MeshTLSAuthentication web",
        "{spec: {identities: [cart.shop.serviceaccount.identity.linkerd.example.org]}}",
    ),
    "REGISTRY_ONLY": ([REGISTRY_ONLY], "EgressNetwork all-egress-traffic", "{metadata: {namespace: linkerd-egress}, spec: {trafficPolicy: Deny}}"),
    "registered host": (
        [*EXPERIMENTAL, REGISTRY_ONLY, resource("ServiceEntry", "shop/api", "{hosts: [api.example.org], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}", "networking.istio.io/v1")],
        "TLSRoute shop-api-443",
        "{spec: {hostnames: [api.example.org], parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, name: all-egress-traffic, namespace: linkerd-egress, port: 443}]}}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "name", "part"), MADE.values(), ids=MADE)
def test_it_becomes(config: list[object], name: str, part: str):
    made = {f"{one.kind} {one.name}": one.data for one in translate([*APPS, *config]).objects}
    assert name in made
    assert_has(made[name], yaml.safe_load(part))


def assert_has(data: object, part: object) -> None:
    """Fails unless the data have this part; lists must be as long, `labels` the same."""
    if isinstance(part, dict):
        assert isinstance(data, dict)
        for key, value in part.items():
            assert key in data
            assert key != "labels" or data[key] == value
            assert_has(data[key], value)
    elif isinstance(part, list):
        assert isinstance(data, list)
        assert len(data) == len(part)
        for one, other in zip(data, part, strict=True):
            assert_has(one, other)
    else:
        assert data == part


def test_the_ingress_gateways_container_is_renamed_then_the_pods_annotated():
    pod = {"containers": [{"name": "logs", "image": "x"}, {"name": "istio-proxy", "image": "istio/proxyv2"}]}
    deployed = deployment("edge/way", pod, {"labels": {"istio": "ingressgateway"}})
    (patch,) = translate([deployed, gateway(HTTP_SERVER % "['*']")]).patches
    assert str(patch.target) == "Deployment edge/way"
    name = "/spec/template/spec/containers/1/name"
    assert patch.operations == (
        {"op": "test", "path": name, "value": "istio-proxy"},
        {"op": "replace", "path": name, "value": "istio-gateway"},
        {"op": "add", "path": "/spec/template/metadata/annotations", "value": {}},
        {"op": "add", "path": "/spec/template/metadata/annotations/linkerd.io~1inject", "value": "enabled"},
    )


def test_more_rules_than_a_route_holds_make_several_in_order():
    rules = [
        f"{{match: [{{uri: {{exact: /{n}}}}}], route: [{{destination: {{host: web}}}}]}}" for n in range(40)
    ]
    made = translate([*APPS, mesh(f"http: [{', '.join(rules)}]")])
    assert [(one.name, len(one.data["spec"]["rules"])) for one in made.objects] == [
        ("web", 16), ("web-02", 16), ("web-03", 8)
    ]  # fmt: skip
