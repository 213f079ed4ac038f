"""Each rule of lint: a configuration with the trap, and the same one mended."""

from __future__ import annotations

import textwrap

import pytest

from harness.analysis.lint import RULES, lint
from harness.analysis.lint.rule import CHECKS
from harness.model import load
from harness.model.leniency import Leniency

ESTATE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: lnk, annotations: {linkerd.io/inject: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bare}
"""

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {selector: {app: web}, ports: [{name: PORT, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web:1, ports: [{containerPort: 8080}]}]}
"""


def web(namespace: str, port: str = "http") -> str:
    return WEB.replace("NS", namespace).replace("PORT", port)


def caller(namespace: str, url: str) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: caller, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: caller}}}}
  template:
    metadata: {{labels: {{app: caller}}}}
    spec: {{containers: [{{name: caller, image: example.com/c:1, args: ["--to={url}"]}}]}}
"""


def made(api: str, kind: str, name: str, spec: str) -> str:
    namespace, _, short = name.partition("/")
    text = textwrap.indent(textwrap.dedent(spec).strip(), "  ")
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {short}, namespace: {namespace}}}\nspec:\n{text}\n"


def route(spec: str, kind: str = "HTTPRoute") -> str:
    return made("gateway.networking.k8s.io/v1", kind, f"lnk/{kind.lower()}", spec)


def rules(vs: str, gateways: str = "") -> str:
    return made(
        "networking.istio.io/v1", "VirtualService", "shop/web", f"hosts: [web]\n{gateways}\nhttp:\n{vs}"
    )


def istio(kind: str, spec: str, name: str = "shop/it") -> str:
    group = "security" if kind.endswith(("Policy", "Authentication")) else "networking"
    return made(f"{group}.istio.io/v1", kind, name, spec)


def server(
    hosts: str = '["*"]', port: str = "{number: 80, name: http, protocol: HTTP}", tls: str = ""
) -> str:
    return f"{{hosts: {hosts}, port: {port}{f', tls: {tls}' if tls else ''}}}"


def gateway(name: str, *servers: str, selector: str = "{istio: front}") -> str:
    return istio("Gateway", f"selector: {selector}\nservers: [{', '.join(servers or [server()])}]", name)


HTTPS = "{number: 443, name: https, protocol: HTTPS}"
FRONT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: front}}
  template:
    metadata: {labels: {istio: front}}
    spec: {containers: [{name: istio-proxy, image: istio/proxyv2, args: [proxy, router]}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: istio-system}
spec: {selector: {istio: front}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


def secret(name: str, data: str) -> str:
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: istio-system}}\nstringData: {data}\n"


def entry(name: str, ports: str, more: str = "resolution: DNS") -> str:
    return istio("ServiceEntry", f"hosts: [db.example.com]\nports: [{ports}]\n{more}", name)


def service(name: str, ports: str, more: str = "selector: {app: web}") -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{ports}], {more}}}\n"


RUNNING = """
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, controller: true}]}
spec: {containers: [{name: web, image: example.com/web:1}]}
status: {phase: Running}
"""
INJECTOR = """
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector, namespace: istio-system}
data: {values: '{"global": {"hub": "h", "tag": "1.31", "proxy": {"image": "proxyv2"}}}'}
"""
ISTIOD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: istio/pilot, env: []}]}
"""


CLIENT = "clientConfig: {service: {namespace: istio-system, name: istiod}}"


def webhook(name: str, selector: str = "namespaceSelector: {matchLabels: {istio-injection: enabled}}") -> str:
    return f"""
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {{name: {name}, labels: {{istio.io/rev: {name}}}}}
webhooks: [{{name: {name}.sidecar-injector.istio.io, {CLIENT}, {selector}}}]
"""


def definition(version: str) -> str:
    return f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: grpcroutes.gateway.networking.k8s.io, annotations: {{gateway.networking.k8s.io/bundle-version: {version}}}}}
spec: {{group: gateway.networking.k8s.io, names: {{kind: GRPCRoute, plural: grpcroutes}}, scope: Namespaced, versions: []}}
"""


ISTIO_CLASS = made(
    "networking.k8s.io/v1", "IngressClass", "/own", "{controller: istio.io/ingress-controller}"
)


def ingress(backend: str) -> str:
    spec = "{ingressClassName: own, rules: [{http: {paths: [{path: /, pathType: Prefix, " + backend + "}]}}]}"
    return made("networking.k8s.io/v1", "Ingress", "shop/it", spec)


def envoy_filter(patch: str, more: str = "priority: 0") -> str:
    spec = f"configPatches: [{{{patch}}}]\n{more}"
    return made("networking.istio.io/v1alpha3", "EnvoyFilter", "shop/it", spec)


def telemetry(spec: str, name: str = "shop/it") -> str:
    return made("telemetry.istio.io/v1", "Telemetry", name, spec)


def linkerd(kind: str, spec: str, name: str = "lnk/it") -> str:
    version = "v1beta3" if kind == "Server" else "v1alpha1"
    return made(f"policy.linkerd.io/{version}", kind, name, spec)


PARENT = 'parentRefs: [{group: "", kind: Service, name: web, port: 80}]\n'
TO_WEB = "- route: [{destination: {host: web}}]"
SERVER = "podSelector: {matchLabels: {app: web}}\nport: 8080\n"
OPEN = linkerd(
    "AuthorizationPolicy",
    "targetRef: {group: policy.linkerd.io, kind: Server, name: it}\nrequiredAuthenticationRefs: []",
    "lnk/open",
)
PROBED = web("lnk").replace(
    "ports: [{containerPort: 8080}]",
    "ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: 8080}}",
)


def on_server(path: str) -> str:
    return made(
        "policy.linkerd.io/v1beta3",
        "HTTPRoute",
        "lnk/on-server",
        "parentRefs: [{group: policy.linkerd.io, kind: Server, name: it}]\n"
        f"rules: [{{matches: [{{path: {{value: {path}}}}}]}}]",
    )


def from_principal(name: str) -> str:
    return f"rules: [{{from: [{{source: {{principals: [cluster.local/ns/{name}]}}}}]}}]"


def methods(*names: str) -> str:
    return f"rules: [{{to: [{{operation: {{methods: [{', '.join(names)}]}}}}]}}]"


def identities(*names: str) -> str:
    return f"identities: [{', '.join(names)}]"


REQUIRED = "requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: all}]"
CROSSING = "parentRefs: [{name: front}]\nrules: [{backendRefs: [{name: web, namespace: lnk, port: 80}]}]"
FRONTED = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: it, namespace: lnk}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
"""
L5D = "serviceaccount.identity.linkerd.cluster.local"

# rule, a configuration with the trap, the same one mended, what the finding names
TCP_ROUTE = route(PARENT + "rules: [{backendRefs: [{name: web, port: 80}]}]", "TCPRoute")
AT_SERVICE = istio("AuthorizationPolicy", 'targetRefs: [{kind: Service, group: "", name: web}]')
WAYPOINT = made(
    "gateway.networking.k8s.io/v1",
    "Gateway",
    "lnk/waypoint",
    "gatewayClassName: istio-waypoint\nlisteners: [{name: mesh, port: 15008, protocol: HBONE}]",
)

CASES = {
    "route-without-parent": (
        [web("lnk"), route("rules: [{backendRefs: [{name: web, port: 80}]}]")],
        [web("lnk"), route(PARENT + "rules: [{backendRefs: [{name: web, port: 80}]}]")],
        "HTTPRoute lnk/httproute spec",
    ),
    "route-kind-unread": (
        [web("lnk"), TCP_ROUTE],
        [web("lnk"), TCP_ROUTE.replace("k8s.io/v1", "k8s.io/v1alpha2")],
        "TCPRoute lnk/tcproute apiVersion: isn't read: Linkerd reads TCPRoute of v1alpha2 alone",
    ),
    "route-parent-without-group": (
        [web("lnk"), route("parentRefs: [{kind: Service, name: web}]")],
        [web("lnk"), route(PARENT)],
        "spec.parentRefs[0]",
    ),
    "route-parent-group-core": (
        [web("lnk"), route("parentRefs: [{group: core, kind: Service, name: web}]")],
        [web("lnk"), route(PARENT)],
        "spec.parentRefs[0].group: is core",
    ),
    "route-parent-missing": (
        [web("lnk"), route(PARENT.replace("port: 80", "port: 81"))],
        [web("lnk"), route(PARENT)],
        "Service lnk/web has no port 81",
    ),
    "route-zero-weight": (
        [web("lnk"), route(PARENT + "rules: [{backendRefs: [{name: web, port: 80, weight: 0}]}]")],
        [web("lnk"), route(PARENT + "rules: [{backendRefs: [{name: web, port: 80}]}]")],
        "spec.rules[0].backendRefs: has a lone backend of weight 0",
    ),
    "route-backend-missing": (
        [web("lnk"), route(PARENT + "rules: [{backendRefs: [{name: wbe, port: 80}]}]")],
        [web("lnk"), route(PARENT + "rules: [{backendRefs: [{name: web, port: 80}]}]")],
        "there is no Service lnk/wbe",
    ),
    "route-filter-unreadable": (
        [web("lnk"), route(PARENT + "rules: [{filters: [{type: URLRewrite, urlRewrite: {hostname: a.b}}]}]")],
        [
            web("lnk"),
            route(
                PARENT
                + "rules: [{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a]}}]}]"
            ),
        ],
        "spec.rules[0].filters[0]: is a URLRewrite",
    ),
    "route-expression-shortened": (
        [web("lnk"), route(PARENT + r"rules: [{matches: [{path: {type: RegularExpression, value: '.*\.(js|json)'}}]}]")],
        [web("lnk"), route(PARENT + r"rules: [{matches: [{path: {type: RegularExpression, value: '.*\.(json|js)'}}]}]")],
        r"spec.rules[0].matches[0].path.value: .*\.(js|json) doesn't take",
    ),
    "route-hostnames-on-service": (
        [web("lnk"), route(PARENT + "hostnames: [web.example.com]")],
        [web("lnk"), route(PARENT)],
        "spec.hostnames",
    ),
    "route-kinds-mixed": (
        [web("lnk"), route(PARENT), route(PARENT, "GRPCRoute")],
        [web("lnk"), route(PARENT)],
        "GRPCRoute lnk/grpcroute is on Service lnk/web",
    ),
    "route-under-profile": (
        [
            web("lnk"),
            route(PARENT),
            made(
                "linkerd.io/v1alpha2",
                "ServiceProfile",
                "lnk/web.lnk.svc.cluster.local",
                "routes: [{name: all, condition: {pathRegex: .*}}]",
            ),
        ],
        [web("lnk"), route(PARENT)],
        "ServiceProfile lnk/web.lnk.svc.cluster.local speaks for",
    ),
    "route-match-shadowed": (
        [
            web("lnk"),
            route(
                PARENT + "rules: [{matches: [{path: {value: /a}}]}, "
                "{matches: [{path: {type: Exact, value: /a}}]}]"
            ),
        ],
        [
            web("lnk"),
            route(
                PARENT + "rules: [{matches: [{path: {type: Exact, value: /a}}]}, "
                "{matches: [{path: {value: /a}}]}]"
            ),
        ],
        "spec.rules[1].matches[0]: is never used",
    ),
    "route-backend-timeout": (
        [web("lnk"), route(PARENT + "rules: [{timeouts: {backendRequest: 1s}}]")],
        [web("lnk"), route(PARENT + "rules: [{timeouts: {request: 1s}}]")],
        "spec.rules[0].timeouts.backendRequest",
    ),
    "virtual-service-destination-missing": (
        [web("shop"), rules("- route: [{destination: {host: wbe}}]")],
        [web("shop"), rules(TO_WEB)],
        "spec.http[0].route[0].destination.host: there is no Service or ServiceEntry wbe.shop",
    ),
    "virtual-service-subset-missing": (
        [web("shop"), rules("- route: [{destination: {host: web, subset: v1}}]"), istio("DestinationRule", "host: web")],
        [
            web("shop"),
            rules("- route: [{destination: {host: web, subset: v1}}]"),
            istio("DestinationRule", "host: web\nsubsets: [{name: v1, labels: {app: web}}]"),
        ],
        "has a subset v1",
    ),
    "virtual-service-rule-shadowed": (
        [web("shop"), rules(TO_WEB + "\n- match: [{uri: {exact: /x}}]\n  route: [{destination: {host: web}}]")],
        [web("shop"), rules("- match: [{uri: {exact: /x}}]\n  route: [{destination: {host: web}}]\n" + TO_WEB)],
        "spec.http[1]: is never used: spec.http[0] takes every request",
    ),
    "virtual-service-same-host": (
        [web("shop"), rules(TO_WEB), rules(TO_WEB).replace("name: web, name", "name: again, name")],
        [web("shop"), rules(TO_WEB)],
        "VirtualService shop/web spec.hosts: web.shop.svc.cluster.local: VirtualService shop/again speaks for it, too",
    ),
    "virtual-service-gateway-missing": (
        [web("shop"), rules(TO_WEB, "gateways: [front]"), gateway("shop/back")],
        [web("shop"), rules(TO_WEB, "gateways: [front]"), gateway("shop/front")],
        "there is no Gateway shop/front",
    ),
    "virtual-service-weight-unset": (
        [
            web("shop"),
            rules("- route: [{destination: {host: web}, weight: 100}, {destination: {host: web, port: {number: 80}}}]"),
        ],
        [web("shop"), rules(TO_WEB)],
        "spec.http[0].route[1]: has no weight",
    ),
    "fault-abort-without-percentage": (
        [web("shop"), rules(TO_WEB + "\n  fault: {abort: {httpStatus: 500}}")],
        [web("shop"), rules(TO_WEB + "\n  fault: {abort: {httpStatus: 500, percentage: {value: 100}}}")],
        "spec.http[0].fault.abort: has no percentage",
    ),
    "virtual-service-without-client": (
        [web("lnk"), rules(TO_WEB)],
        [web("shop"), rules(TO_WEB)],
        "no workload has Istio's proxy",
    ),
    "destination-rule-host-missing": (
        [web("shop"), istio("DestinationRule", "host: wbe")],
        [web("shop"), istio("DestinationRule", "host: web")],
        "there is no Service or ServiceEntry wbe.shop",
    ),
    "destination-rule-subset-without-pods": (
        [web("shop"), istio("DestinationRule", "host: web\nsubsets: [{name: v2, labels: {version: v2}}]")],
        [web("shop"), istio("DestinationRule", "host: web\nsubsets: [{name: v2, labels: {app: web}}]")],
        "spec.subsets[0].labels: no pod of web.shop.svc.cluster.local has them",
    ),
    "destination-rule-tls-to-outsiders": (
        [
            web("lnk"),
            istio(
                "DestinationRule",
                "host: web.lnk.svc.cluster.local\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}",
            ),
        ],
        [web("shop"), istio("DestinationRule", "host: web\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}")],
        "lnk/web has no Istio proxy",
    ),
    "policy-unknown-service-account": (
        [web("shop"), istio("AuthorizationPolicy", from_principal("shop/sa/nobody"))],
        [web("shop"), istio("AuthorizationPolicy", from_principal("shop/sa/default"))],
        "spec.rules[0].from[0].source.principals[0]: no service account shop/nobody",
    ),
    "policy-caller-in-another-mesh": (
        [web("shop"), web("lnk"), istio("AuthorizationPolicy", from_principal("lnk/sa/default"))],
        [web("shop"), web("lnk"), istio("AuthorizationPolicy", from_principal("shop/sa/default"))],
        "lnk/web runs as it in linkerd",
    ),
    "policy-not-enforced": (
        [web("lnk"), istio("AuthorizationPolicy", methods("GET"), "lnk/it")],
        [web("shop"), istio("AuthorizationPolicy", methods("GET"))],
        "spec.selector: selects lnk/web, which has linkerd's proxy",
    ),
    "policy-selects-nothing": (
        [web("shop"), istio("PeerAuthentication", "selector: {matchLabels: {app: wbe}}\nmtls: {mode: STRICT}")],
        [web("shop"), istio("PeerAuthentication", "selector: {matchLabels: {app: web}}\nmtls: {mode: STRICT}")],
        "PeerAuthentication shop/it spec.selector: selects no pod",
    ),
    "policy-keeps-grpc-out": (
        [web("shop", "grpc"), istio("AuthorizationPolicy", methods("GET"))],
        [
            web("shop", "grpc"),
            istio("AuthorizationPolicy", methods("GET")),
            istio("AuthorizationPolicy", methods("POST"), "shop/grpc"),
        ],
        "allows no POST, and Service shop/web speaks HTTP/2 or gRPC",
    ),
    "policy-not-principals-lets-plaintext-in": (
        [
            web("shop"),
            istio("AuthorizationPolicy", "rules: [{from: [{source: {notPrincipals: [cluster.local/ns/a/sa/b]}}]}]"),
        ],
        [
            web("shop"),
            istio(
                "AuthorizationPolicy",
                "rules: [{from: [{source: {notPrincipals: [cluster.local/ns/a/sa/b], principals: ['*']}}]}]",
            ),
        ],
        "spec.rules[0].from[0].source.notPrincipals",
    ),
    "strict-and-outsiders": (
        [web("shop"), caller("lnk", "http://web.shop/"), istio("PeerAuthentication", "mtls: {mode: STRICT}")],
        [web("shop"), caller("lnk", "http://web.shop/"), istio("PeerAuthentication", "mtls: {mode: PERMISSIVE}")],
        "PeerAuthentication shop/it spec.mtls.mode: is STRICT for shop/web, which lnk/caller calls",
    ),
    "two-proxies": (
        [ESTATE.replace("annotations:", "labels: {istio-injection: enabled}, annotations:"), web("lnk")],
        [web("lnk")],
        "Namespace lnk metadata.annotations",
    ),
    "injection-label-and-annotation": (
        [ESTATE.replace("{linkerd.io/inject: enabled}", "{istio-injection: enabled}"), web("lnk")],
        [web("lnk")],
        "has istio-injection as an annotation",
    ),
    "injection-value": (
        [ESTATE.replace("inject: enabled", 'inject: "true"'), web("lnk")],
        [web("lnk")],
        "linkerd.io/inject is 'true'",
    ),
    "namespace-policy-without-server": (
        [web("lnk"), linkerd("AuthorizationPolicy", "targetRef: {kind: Namespace, name: lnk}\nrequiredAuthenticationRefs: []")],
        [
            web("lnk"),
            linkerd("Server", SERVER),
            linkerd("AuthorizationPolicy", "targetRef: {kind: Namespace, name: lnk}\nrequiredAuthenticationRefs: []"),
        ],
        "is namespace lnk, which has no Server",
    ),
    "server-without-authorization": (
        [web("lnk"), linkerd("Server", SERVER)],
        [web("lnk"), linkerd("Server", SERVER), OPEN],
        "Server lnk/it spec: no policy opens it",
    ),
    "server-route-closes-probes": (
        [PROBED, linkerd("Server", SERVER), OPEN, on_server("/api")],
        [PROBED, linkerd("Server", SERVER), OPEN, on_server("/ready")],
        "no route there takes the probe of /ready",
    ),
    "identity-as-spiffe": (
        [web("lnk"), linkerd("MeshTLSAuthentication", identities("spiffe://cluster.local/ns/lnk/sa/default"))],
        [web("lnk"), linkerd("MeshTLSAuthentication", identities(f"default.lnk.{L5D}"))],
        "is spiffe://cluster.local/ns/lnk/sa/default",
    ),
    "default-policy-value": (
        [
            ESTATE.replace("inject: enabled", "inject: enabled, config.linkerd.io/default-inbound-policy: none"),
            web("lnk"),
        ],
        [
            ESTATE.replace("inject: enabled", "inject: enabled, config.linkerd.io/default-inbound-policy: deny"),
            web("lnk"),
        ],
        "default-inbound-policy is 'none'",
    ),
    "virtual-service-port-missing": (
        [web("shop"), rules("- route: [{destination: {host: web, port: {number: 8080}}}]")],
        [web("shop"), rules("- route: [{destination: {host: web, port: {number: 80}}}]")],
        "destination.port.number: web.shop.svc.cluster.local has no port 8080",
    ),
    "virtual-service-port-needed": (
        [service("two", "{name: http, port: 81}, {name: grpc, port: 82}"), web("shop"), rules("- route: [{destination: {host: two}}]")],
        [
            service("two", "{name: http, port: 80}, {name: grpc, port: 82}"),
            web("shop"),
            rules("- route: [{destination: {host: two}}]"),
        ],
        "has 81, 82, and no port is chosen",
    ),
    "virtual-service-bypassed-at-gateway": (
        [
            web("shop"),
            rules("- route: [{destination: {host: web, subset: v1}}]"),
            istio("DestinationRule", "host: web\nsubsets: [{name: v1, labels: {version: v1}}]"),
            rules(TO_WEB, "gateways: [front]").replace("name: web, name", "name: outer, name"),
        ],
        [
            web("shop"),
            rules("- route: [{destination: {host: web, subset: all}}]"),
            istio("DestinationRule", "host: web\nsubsets: [{name: all, labels: {app: web}}]"),
            rules(TO_WEB, "gateways: [front]").replace("name: web, name", "name: outer, name"),
        ],
        "VirtualService shop/outer spec.http[0].route[0].destination: VirtualService shop/web shares",
    ),
    "virtual-service-match-shadowed": (
        [web("shop"), rules("- match: [{uri: {prefix: /a}}, {uri: {exact: /a/b}, method: {exact: GET}}]\n  route: [{destination: {host: web}}]")],
        [web("shop"), rules("- match: [{uri: {prefix: /a/}}, {uri: {exact: /a}, method: {exact: GET}}]\n  route: [{destination: {host: web}}]")],
        "spec.http[0].match[1]: is never used: spec.http[0].match[0] takes its requests",
    ),
    "virtual-service-internal-gateway": (
        [web("shop"), rules(TO_WEB, 'gateways: ["shop/a-istio-autogenerated-k8s-gateway-b"]')],
        [web("shop"), rules(TO_WEB, "gateways: [front]"), gateway("shop/front")],
        "which Istio makes of a Gateway of the Gateway API",
    ),
    "virtual-service-host-not-on-gateway": (
        [web("shop"), rules(TO_WEB, "gateways: [front]"), gateway("shop/front", server("[bank/*, web.example.com]"))],
        [web("shop"), rules(TO_WEB, "gateways: [front]"), gateway("shop/front", server("[./*]"))],
        "serves none of web.shop.svc.cluster.local for this namespace",
    ),
    "virtual-service-claim-without-authentication": (
        [
            FRONT,
            web("shop"),
            gateway("shop/front"),
            rules("- match: [{headers: {'@request.auth.claims.group': {exact: a}}}]\n  route: [{destination: {host: web}}]", "gateways: [front]"),
        ],
        [
            FRONT,
            web("shop"),
            gateway("shop/front"),
            rules("- match: [{headers: {'@request.auth.claims.group': {exact: a}}}]\n  route: [{destination: {host: web}}]", "gateways: [front]"),
            istio("RequestAuthentication", "selector: {matchLabels: {istio: front}}\njwtRules: [{issuer: a}]", "istio-system/it"),
        ],
        "asks for the claim group, and no RequestAuthentication is for istio-system/front",
    ),
    "destination-rule-system-authorities": (
        [istio("DestinationRule", "host: db.example.com\ntrafficPolicy: {tls: {mode: SIMPLE}}")],
        [istio("DestinationRule", "host: db.example.com\ntrafficPolicy: {tls: {mode: SIMPLE, caCertificates: /ca.pem}}")],
        "spec.trafficPolicy.tls: is SIMPLE for db.example.com, without caCertificates",
    ),
    "destination-rule-unverified-server": (
        [istio("DestinationRule", "host: db.example.com\ntrafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}")],
        [istio("DestinationRule", "host: db.example.com\ntrafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: false}}")],
        "spec.trafficPolicy.tls.insecureSkipVerify",
    ),
    "gateway-without-workload": (
        [FRONT, gateway("shop/front", selector="{istio: other}")],
        [gateway("shop/front", selector="{istio: other}")],  # no gateway's pods are among the manifests
        "spec.selector: selects no pod, though other gateways' pods are here",
    ),
    "gateway-credential-missing": (
        [FRONT, secret("other", "{a: b}"), gateway("shop/front", server(port=HTTPS, tls="{mode: SIMPLE, credentialName: own}"))],
        [FRONT, gateway("shop/front", server(port=HTTPS, tls="{mode: SIMPLE, credentialName: own}"))],
        "there is no Secret istio-system/own",
    ),
    "ingress-backend-missing": (
        [ISTIO_CLASS, made("v1", "Service", "shop/own", "ports: [{port: 80}]"), ingress("backend: {service: {name: own, port: {name: web}}}")],
        [ISTIO_CLASS, made("v1", "Service", "shop/own", "ports: [{port: 80}]"), ingress("backend: {service: {name: own, port: {number: 80}}}")],
        "spec.rules[0].http.paths[0].backend.service.port: Service shop/own has no port web",
    ),
    "ingress-passed-over": (
        [ISTIO_CLASS, ingress("backend: {resource: {kind: Bucket, name: own}}")],
        [ingress("backend: {resource: {kind: Bucket, name: own}}")],
        "passes a path over whose backend is no Service",
    ),
    "gateway-credential-invalid": (
        [FRONT, secret("own", "{tls.crt: abc, tls.key: abc}"), gateway("shop/front", server(port=HTTPS, tls="{mode: SIMPLE, credentialName: own}"))],
        [FRONT, secret("own", "{}"), gateway("shop/front", server(port=HTTPS, tls="{mode: SIMPLE, credentialName: own}"))],
        "Secret istio-system/own can't be used: its certificate can't be read",
    ),
    "gateway-port-not-on-service": (
        [FRONT, gateway("shop/front", server(port="{number: 81, name: http, protocol: HTTP}"))],
        [FRONT, gateway("shop/front", server(port="{number: 8080, name: http, protocol: HTTP}"))],
        "81 is neither a port nor a target port of Service istio-system/front",
    ),
    "gateway-same-certificate": (
        [gateway(f"shop/{name}", server(f"[{name}.example.com]", HTTPS, "{mode: SIMPLE, credentialName: own}")) for name in "ab"],
        [gateway(f"shop/{name}", server(f"[{name}.example.com]", HTTPS, f"{{mode: SIMPLE, credentialName: {name}}}")) for name in "ab"],
        "has the certificate own of Gateway shop/b",
    ),
    "gateway-conflict": (
        [gateway(f"shop/{name}", server("[a.example.com]", HTTPS, f"{{mode: SIMPLE, credentialName: {name}}}")) for name in "ab"],
        [gateway(f"shop/{name}", server()) for name in "ab"],
        "Gateway shop/b spec.servers[0]: is left out: the port has a.example.com with TLS settings already",
    ),
    "gateway-hosts-shared": (
        [gateway(f"shop/{name}", server()) for name in "ab"],
        [gateway("shop/a", server()), gateway("shop/b", server(), selector="{istio: other}")],
        "Gateway shop/a spec.servers[0].hosts: * on port 80 is served by Gateway shop/b, too",
    ),
    "service-entry-address-missing": (
        [entry("shop/db", "{number: 5432, name: db, protocol: TCP}")],
        [entry("shop/db", "{number: 5432, name: db, protocol: TCP}", "resolution: DNS\naddresses: [10.0.0.1]")],
        "spec.ports[0]: speaks TCP on 5432",
    ),
    "service-entry-protocols-conflict": (
        [entry(f"{space}/db", f"{{number: 80, name: db, protocol: {protocol}}}") for space, protocol in (("shop", "HTTP"), ("bare", "TLS"))],
        [
            entry(f"{space}/db", f"{{number: 80, name: db, protocol: {protocol}}}", "resolution: DNS\nexportTo: ['.']")
            for space, protocol in (("shop", "HTTP"), ("bare", "TLS"))
        ],
        "for db.example.com:80, and",
    ),
    "service-port-name": (
        [web("shop", "front")],
        [web("shop", "http-front")],
        "spec.ports[0]: 80: front doesn't say what it speaks",
    ),
    "external-name-port-name": (
        [web("shop"), service("db", "{name: tcp, port: 80}", "type: ExternalName, externalName: db.example.com")],
        [web("shop"), service("db", "{name: http, port: 80}", "type: ExternalName, externalName: db.example.com")],
        "80: tcp is taken for TCP",
    ),
    "workload-services-protocols": (
        [web("shop"), service("two", "{name: tcp, port: 80}")],
        [web("shop"), service("two", "{name: http, port: 80, targetPort: 8080}")],
        "Deployment shop/web: Service shop/two, Service shop/web have port 80 for http, tcp",
    ),
    "workload-services-ports": (
        [web("shop"), service("two", "{name: http, port: 81, targetPort: 8080}")],
        [web("shop"), service("two", "{name: http, port: 81, targetPort: 8081}")],
        "lead to port 8080 by 80, 81",
    ),
    "policy-unknown-namespace": (
        [web("shop"), istio("AuthorizationPolicy", "rules: [{from: [{source: {namespaces: [shpo]}}]}]")],
        [web("shop"), istio("AuthorizationPolicy", "rules: [{from: [{source: {namespaces: ['sh*', istio-system]}}]}]")],
        "spec.rules[0].from[0].source.namespaces[0]: there is no namespace shpo",
    ),
    "selectors-overlap": (
        [web("shop"), *(istio("Sidecar", "workloadSelector: {labels: {app: web}}\negress: [{hosts: ['*/*']}]", f"shop/{name}") for name in "ab")],
        [web("shop"), istio("Sidecar", "workloadSelector: {labels: {app: web}}\negress: [{hosts: ['*/*']}]")],
        "selects shop/web, and so does Sidecar shop/b",
    ),
    "selectors-absent-twice": (
        [telemetry("metrics: [{providers: [{name: a}]}]", f"shop/{name}") for name in "ab"],
        [telemetry("metrics: [{providers: [{name: a}]}]", f"{name}/it") for name in ("shop", "lnk")],
        "has no selector, and Telemetry shop/b hasn't either",
    ),
    "selector-on-kubernetes-gateway": (
        [
            web("shop").replace("labels: {app: web}", "labels: {app: web, gateway.networking.k8s.io/gateway-name: front}"),
            istio("RequestAuthentication", "selector: {matchLabels: {app: web}}\njwtRules: [{issuer: a}]"),
        ],
        [web("shop"), istio("RequestAuthentication", "selector: {matchLabels: {app: web}}\njwtRules: [{issuer: a}]")],
        "selects the pods of Gateway front",
    ),
    "telemetry-without-provider": (
        [telemetry("accessLogging: [{}]")],
        [telemetry("accessLogging: [{providers: [{name: envoy}]}]")],
        "spec.accessLogging[0]: has no providers",
    ),
    "field-deprecated": (
        [web("shop"), rules(TO_WEB + "\n  fault: {delay: {fixedDelay: 1s, percent: 10}}")],
        [web("shop"), rules(TO_WEB + "\n  fault: {delay: {fixedDelay: 1s, percentage: {value: 10}}}")],
        "spec.http[0].fault.delay.percent: is deprecated",
    ),
    "annotation-unknown": (
        [web("shop"), service("two", "{name: http, port: 81}").replace("name: two,", "name: two, annotations: {networking.istio.io/exportToo: a},")],
        [web("shop"), service("two", "{name: http, port: 81}").replace("name: two,", "name: two, annotations: {networking.istio.io/exportTo: a},")],
        "do:  did you mean networking.istio.io/exportTo",
    ),
    "annotation-misplaced": (
        [web("shop").replace("metadata: {name: web, namespace: shop}\nspec:\n", "metadata: {name: web, namespace: shop, annotations: {sidecar.istio.io/agentLogLevel: info}}\nspec:\n")],
        [web("shop").replace("labels: {app: web}", "labels: {app: web}, annotations: {sidecar.istio.io/agentLogLevel: info}")],
        "metadata.annotations.sidecar.istio.io/agentLogLevel: sidecar.istio.io/agentLogLevel is on a Deployment",
    ),
    "annotation-value": (
        [web("shop").replace("labels: {app: web}", "labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: http}")],
        [web("shop").replace("labels: {app: web}", "labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '80, 81'}")],
        "traffic.sidecar.istio.io/excludeInboundPorts is 'http'",
    ),
    "annotation-deprecated": (
        [web("shop").replace("labels: {app: web}", "labels: {app: web}, annotations: {sidecar.istio.io/inject: 'true'}")],
        [web("shop").replace("labels: {app: web}", "labels: {app: web, sidecar.istio.io/inject: 'true'}")],
        "sidecar.istio.io/inject is deprecated",
    ),
    "namespace-not-injected": (
        [web("shop")],
        [ESTATE.replace("{name: bare}", "{name: bare, labels: {istio-injection: disabled}}"), web("shop"), istio("PeerAuthentication", "{}")],
        "Namespace bare metadata.labels: says nothing of injection",
    ),
    "injection-labels-mixed": (
        [ESTATE.replace("istio-injection: enabled", "istio-injection: enabled, istio.io/rev: default"), web("shop")],
        [web("shop")],
        "has istio-injection: enabled, istio.io/rev: default",
    ),
    "pod-without-proxy": (
        [web("shop"), RUNNING],
        [web("shop"), RUNNING.replace("containers: [", "containers: [{name: istio-proxy, image: a}, ")],
        "Deployment shop/web: web-1 runs without Istio's proxy",
    ),
    "image-auto-without-injection": (
        [web("bare").replace("containers: [", "containers: [{name: istio-proxy, image: auto}, "), web("shop")],
        [web("shop").replace("containers: [", "containers: [{name: istio-proxy, image: auto}, ")],
        "containers[0].image: is auto",
    ),
    "reserved-user": (
        [web("lnk").replace("containers: [", "securityContext: {runAsUser: 2102}, containers: [")],
        [web("lnk").replace("containers: [", "securityContext: {runAsUser: 1337}, containers: [")],
        "spec.template.spec.securityContext.runAsUser: is 2102, the user of linkerd's proxy",
    ),
    "proxy-image-outdated": (
        [web("shop"), INJECTOR, RUNNING.replace("containers: [", "containers: [{name: istio-proxy, image: h/proxyv2:1.30}, ")],
        [web("shop"), INJECTOR, RUNNING.replace("containers: [", "containers: [{name: istio-proxy, image: h/proxyv2:1.31-debug}, ")],
        "shop/web has another proxy than h/proxyv2:1.31",
    ),
    "webhook-service-missing": (
        [service("other", "{port: 443}").replace("namespace: shop", "namespace: istio-system"), webhook("a")],
        [service("istiod", "{port: 443}").replace("namespace: shop", "namespace: istio-system"), webhook("a")],
        "there is no Service istio-system/istiod",
    ),
    "webhooks-overlap": (
        [webhook("a"), webhook("b")],
        [webhook("a"), webhook("b", "namespaceSelector: {matchLabels: {istio.io/rev: b}, matchExpressions: [{key: istio-injection, operator: DoesNotExist}]}")],
        "webhooks[0]: asks for pods that MutatingWebhookConfiguration b b.sidecar-injector.istio.io asks for, too",
    ),
    "jwks-fetched-from-anywhere": (
        [ISTIOD, istio("RequestAuthentication", "jwtRules: [{issuer: a}]")],
        [ISTIOD.replace("env: []", "env: [{name: BLOCKED_CIDRS_IN_JWKS_URIS, value: 169.254.0.0/16}]"), istio("RequestAuthentication", "jwtRules: [{issuer: a}]")],
        "and there is RequestAuthentication shop/it",
    ),
    "definition-too-old": (
        [definition("v1.0.0")],
        [definition("v1.2.0")],
        "is of v1.0.0, and Istio needs 1.1.0",
    ),
    "policy-in-empty-namespace": (
        [web("shop"), istio("AuthorizationPolicy", methods("GET", "POST"), "bare/it")],
        [web("shop"), istio("AuthorizationPolicy", methods("GET", "POST"))],
        "AuthorizationPolicy bare/it: is for all pods of bare",
    ),
    "envoy-filter-operation-ignored": (
        [envoy_filter("applyTo: HTTP_ROUTE, patch: {operation: ADD, value: {name: it}}")],
        [envoy_filter("applyTo: HTTP_ROUTE, patch: {operation: MERGE, value: {name: it}}")],
        "ADD does nothing to HTTP_ROUTE",
    ),
    "envoy-filter-relative": (
        [envoy_filter("applyTo: HTTP_FILTER, patch: {operation: INSERT_BEFORE, value: {name: it}}")],
        [envoy_filter("applyTo: HTTP_FILTER, patch: {operation: INSERT_BEFORE, value: {name: it}}", "priority: 10")],
        "INSERT_BEFORE depends on what other patches leave",
    ),
    "policy-target-missing": (
        [FRONTED, istio("AuthorizationPolicy", "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: frnt}]")],
        [FRONTED, istio("AuthorizationPolicy", "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]")],
        "spec.targetRefs[0]: there is no Gateway frnt here (shop)",
    ),
    "policy-authentication-missing": (
        [web("lnk"), linkerd("Server", SERVER), OPEN.replace("requiredAuthenticationRefs: []", REQUIRED)],
        [
            web("lnk"),
            linkerd("Server", SERVER),
            OPEN.replace("requiredAuthenticationRefs: []", REQUIRED),
            linkerd("MeshTLSAuthentication", identities(f"default.lnk.{L5D}"), "lnk/all"),
        ],
        "spec.requiredAuthenticationRefs[0]: there is no MeshTLSAuthentication all here (lnk)",
    ),
    "route-gateway-missing": (
        [FRONTED, route("parentRefs: [{name: front, sectionName: https}]").replace("namespace: lnk", "namespace: shop")],
        [FRONTED, route("parentRefs: [{name: front, sectionName: http}]").replace("namespace: lnk", "namespace: shop")],
        "shop/front has no listener https",
    ),
    "route-backend-not-granted": (
        [FRONTED, web("lnk"), route(CROSSING).replace("namespace: lnk}\nspec", "namespace: shop}\nspec")],
        [FRONTED, web("lnk"), GRANT, route(CROSSING).replace("namespace: lnk}\nspec", "namespace: shop}\nspec")],
        "backendRefs[0].namespace: is lnk, and no ReferenceGrant there is for a HTTPRoute of shop",
    ),
    "virtual-service-delegate-lost": (
        [web("shop"), rules("- match: [{uri: {prefix: /a}}]\n  delegate: {name: gone}", "gateways: [front]")],
        [
            web("shop"),
            rules("- match: [{uri: {prefix: /a}}]\n  delegate: {name: there}", "gateways: [front]"),
            made("networking.istio.io/v1", "VirtualService", "shop/there", "http: [{route: [{destination: {host: web}}]}]"),
        ],
        "spec.http[0].delegate: VirtualService shop/gone isn't there",
    ),
    "sidecar-in-ambient": (
        [ESTATE.replace("istio-injection: enabled", "istio.io/dataplane-mode: ambient"), istio("Sidecar", "egress: [{hosts: ['*/*']}]")],
        [ESTATE, istio("Sidecar", "egress: [{hosts: ['*/*']}]")],
        "Sidecar shop/it: is in shop, which is in ambient mode",
    ),
    "policy-needs-waypoint": (
        [AT_SERVICE],
        [istio("AuthorizationPolicy", "selector: {matchLabels: {app: web}}")],
        "AuthorizationPolicy shop/it spec.targetRefs[0]: is for Service web, and there is no waypoint",
    ),
    "webhook-without-address": (
        [webhook("istio-sidecar-injector").replace(CLIENT, "clientConfig: {url: ''}")],
        [webhook("istio-sidecar-injector").replace(CLIENT, "clientConfig: {url: 'https://istiod.example.com/inject'}")],
        "webhooks[0].clientConfig: istio-sidecar-injector.sidecar-injector.istio.io names neither",
    ),
    "webhook-by-address": (
        [webhook("istio-sidecar-injector").replace(CLIENT, "clientConfig: {url: 'https://10.1.2.3/inject'}")],
        [webhook("istio-sidecar-injector").replace(CLIENT, "clientConfig: {url: 'https://istiod.example.com/inject'}")],
        "webhooks[0].clientConfig.url: is at 10.1.2.3",
    ),
}  # fmt: skip


def traps(tmp_path, documents):
    if not documents[0].startswith("\napiVersion: v1\nkind: Namespace"):
        documents = [ESTATE, *documents]
    file = tmp_path / "estate.yaml"
    file.write_text("\n---\n".join(documents))
    return lint(load([file])).traps


@pytest.mark.parametrize(
    ("name", "trapped", "mended", "words"), [(k, *v) for k, v in CASES.items()], ids=CASES
)
def test_rule(tmp_path, name, trapped, mended, words):
    found = [trap for trap in traps(tmp_path, trapped) if trap.rule.id == name]
    assert found
    assert words in str(found[0])
    place = found[0].where
    assert place.source == str(tmp_path / "estate.yaml")
    assert place.line > 1
    assert not [trap for trap in traps(tmp_path, mended) if trap.rule.id == name]


@pytest.mark.parametrize(("beside", "trapped"), [([], True), ([WAYPOINT], False)])
def test_a_waypoint_that_is_left_out_may_serve_a_policy(tmp_path, beside, trapped):
    file = tmp_path / "estate.yaml"
    file.write_text("\n---\n".join([ESTATE, AT_SERVICE, *beside]))
    found = [trap.rule.id for trap in lint(load([file], leniency=Leniency())).traps]
    assert ("policy-needs-waypoint" in found) is trapped


def test_injection_without_mesh(tmp_path):
    file = tmp_path / "estate.yaml"
    file.write_text(f"{ESTATE}\n---\n{web('lnk')}")
    found = [trap for trap in lint(load([file], meshes=())).traps if trap.rule.id == "injection-without-mesh"]
    assert [str(trap.resource) for trap in found] == ["Namespace shop", "Namespace lnk"]
    assert "asks linkerd for a proxy, which isn't installed" in str(found[1])


@pytest.mark.parametrize(("server", "trapped"), [("it", False), ("other", True)])
def test_an_authorization_opens_the_server_that_it_names(tmp_path, server, trapped):
    opening = made(
        "policy.linkerd.io/v1beta1",
        "ServerAuthorization",
        "lnk/open",
        f"server: {{name: {server}}}\nclient: {{unauthenticated: true}}",
    )
    found = traps(tmp_path, [web("lnk"), linkerd("Server", SERVER), opening])
    assert ("server-without-authorization" in [trap.rule.id for trap in found]) is trapped


@pytest.mark.parametrize(("weight", "trapped"), [("1", True), ("0", False)])
def test_a_profile_takes_over_by_overrides_with_a_weight(tmp_path, weight, trapped):
    profile = made(
        "linkerd.io/v1alpha2",
        "ServiceProfile",
        "lnk/web.lnk.svc.cluster.local",
        f"dstOverrides: [{{authority: web.lnk.svc.cluster.local, weight: {weight}}}]",
    )
    found = traps(tmp_path, [web("lnk"), profile, route(PARENT)])
    assert ("route-under-profile" in [trap.rule.id for trap in found]) is trapped


UNPLACED = {
    "policy": [istio("AuthorizationPolicy", methods("GET", "POST"))],
    "mutual TLS": [istio("DestinationRule", "host: web\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}")],
    "rules": [rules(TO_WEB)],
    "callers": [caller("shop", "http://web.shop/"), istio("PeerAuthentication", "mtls: {mode: STRICT}")],
}


@pytest.mark.parametrize("documents", UNPLACED.values(), ids=UNPLACED)
def test_an_estate_that_says_nothing_of_injection_has_no_traps_of_placement(tmp_path, documents):
    file = tmp_path / "estate.yaml"
    plain = ESTATE.replace(", labels: {istio-injection: enabled}", "").replace(
        ", annotations: {linkerd.io/inject: enabled}", ""
    )
    file.write_text("\n---\n".join([plain, web("shop"), *documents]))
    assert lint(load([file])).traps == ()


def test_every_rule_has_a_case_and_words():
    assert set(CASES) | {"injection-without-mesh"} == set(CHECKS)
    assert set(CHECKS) | {"refused-by-api", "not-looked-at", "field-unknown"} == set(RULES)
