"""What controllers report of objects of the Gateway API, as the model decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.api.schema.releases import Release
from harness.model import State, changes
from harness.model.observables import reported
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

if TYPE_CHECKING:
    from harness.base.resources import Resource

GATEWAY = "gateway.networking.k8s.io/v1"
ISTIO_NAME, LINKERD_NAME = "istio.io/gateway-controller", "linkerd.io/policy-controller"
EXPERIMENTAL = Release("1.6", "experimental").definitions("a test")


def gateway(*listeners: str, **spec: str) -> Resource:
    more = "".join(f", {key}: {value}" for key, value in spec.items())
    text = f"{{gatewayClassName: istio, listeners: [{', '.join(listeners)}]{more}}}"
    return resource("Gateway", "edge/gw", text, GATEWAY)


HTTP = "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}"


def route(name: str = "edge/r", parent: str = "{name: gw, namespace: edge}", **more: str) -> Resource:
    fields = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("HTTPRoute", name, f"{{parentRefs: [{parent}]{fields}}}", GATEWAY)


def listener_set(*listeners: str, name: str = "edge/more") -> Resource:
    text = f"{{parentRef: {{name: gw, namespace: edge}}, listeners: [{', '.join(listeners)}]}}"
    return resource("ListenerSet", name, text, GATEWAY)


def state_of(*objects: Resource, meshes=(ISTIO,)) -> State:
    spaces = [resource("Namespace", name) for name in ("edge", "shop", "other")]
    web = app("edge/web", "any/web:1", 80)
    return changes.apply(cluster(*meshes), [*EXPERIMENTAL, *spaces, *web, *objects])


def told(state: State, live: Resource) -> list[str]:
    """All reports, a condition that is as it should be without its reason."""
    lines = []
    for status in reported(state, live):
        about = str(status.parent or status.listener or "")
        words = [
            each.type
            if (each.status == "True" and each.reason == each.type)
            else f"{each.type}:{each.reason}"
            for each in status.conditions
        ]
        routes = [] if status.routes is None else [f"{status.routes} routes"]
        lines.append(" ".join([*filter(None, [about]), *words, *routes]))
    return lines


def backend_tls(name: str = "tls", target: str = "web", kind: str = "ConfigMap") -> Resource:
    validation = f"{{hostname: web.org, caCertificateRefs: [{{group: '', kind: {kind}, name: ca}}]}}"
    targets = f"[{{group: '', kind: Service, name: {target}}}]"
    spec = f"{{targetRefs: {targets}, validation: {validation}}}"
    return resource("BackendTLSPolicy", f"edge/{name}", spec, GATEWAY)


ON = "Gateway edge/gw"
OK = "Accepted ResolvedRefs"
FINE = "Accepted Programmed ResolvedRefs Conflicted:NoConflicts"

ODD = resource("Secret", "edge/odd")
ODD.data["stringData"] = {"tls.crt": "hello", "tls.key": "world"}

# objects; the one that is asked for stands last
REPORTS = {
    "route": ([gateway(HTTP), route()], [f"{ON} {OK}"]),
    "no such Gateway": ([route()], []),
    "no such section": (
        [gateway(HTTP), route(parent="{name: gw, sectionName: nope}")],
        [f"{ON} nope Accepted:NoMatchingParent ResolvedRefs"],
    ),
    "no such port": (
        [gateway(HTTP), route(parent="{name: gw, port: 81}")],
        [f"{ON} port 81 Accepted:NoMatchingParent ResolvedRefs"],
    ),
    "host name": (
        [gateway("{name: http, port: 80, protocol: HTTP, hostname: a.org}"), route(hostnames="[b.org]")],
        [f"{ON} Accepted:NoMatchingListenerHostname ResolvedRefs"],
    ),
    "namespace": (
        [gateway("{name: http, port: 80, protocol: HTTP}"), route("shop/r")],
        [f"{ON} Accepted:NotAllowedByListeners ResolvedRefs"],
    ),
    "kind": (
        [gateway("{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}"), route()],
        [f"{ON} Accepted:NotAllowedByListeners ResolvedRefs"],
    ),
    "no backend": (
        [gateway(HTTP), route(rules="[{backendRefs: [{name: nope, port: 80}]}]")],
        [f"{ON} Accepted ResolvedRefs:BackendNotFound"],
    ),
    "kind of backend": (
        [gateway(HTTP), route(rules="[{backendRefs: [{name: web, kind: Bucket, group: b.org, port: 80}]}]")],
        [f"{ON} Accepted ResolvedRefs:InvalidKind"],
    ),
    "backend elsewhere": (
        [gateway(HTTP), route("shop/r", rules="[{backendRefs: [{name: web, namespace: edge, port: 80}]}]")],
        [f"{ON} Accepted ResolvedRefs:RefNotPermitted"],
    ),
    "unknown filter": (
        [gateway(HTTP), route(rules="[{filters: [{type: ExtensionRef, extensionRef: {group: a.b, kind: C, name: d}}]}]")],
        [f"{ON} Accepted ResolvedRefs:InvalidFilter"],
    ),
    "Service": (
        [route(parent="{group: '', kind: Service, name: web}")],
        ["Service edge/web Accepted ResolvedRefs"],
    ),
    "no such Service": (
        [route(parent="{group: '', kind: Service, name: nope}")],
        ["Service edge/nope Accepted:NoMatchingParent ResolvedRefs"],
    ),
    "Service of group core": ([route(parent="{group: core, kind: Service, name: web}")], []),
    "listeners": (
        [
            route("edge/a"),
            route("edge/b", parent="{name: gw, sectionName: http}"),
            gateway(HTTP, "{name: tcp, port: 80, protocol: TCP}"),
        ],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            f"http {FINE} 2 routes",
            "tcp Accepted:ProtocolConflict Programmed:ProtocolConflict Conflicted:ProtocolConflict 0 routes",
        ],
    ),
    "no certificate": (
        [gateway("{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: nope}]}}")],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            "tls Accepted Programmed:Invalid ResolvedRefs:InvalidCertificateRef Conflicted:NoConflicts 0 routes",
        ],
    ),
    "no certificate in the Secret": (
        [
            ODD,
            gateway("{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: odd}]}}"),
        ],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            "tls Accepted Programmed:Invalid ResolvedRefs:InvalidCertificateRef Conflicted:NoConflicts 0 routes",
        ],
    ),
    "certificate of another kind": (
        [
            resource("Secret", "edge/cert"),
            gateway("{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert, kind: Bag, group: a.b}]}}"),
        ],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            "tls Accepted Programmed:Invalid ResolvedRefs:InvalidCertificateRef Conflicted:NoConflicts 0 routes",
        ],
    ),
    "protocol": (
        [gateway(HTTP, "{name: udp, port: 53, protocol: UDP}")],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            f"http {FINE} 0 routes",
            "udp Accepted:UnsupportedProtocol Programmed ResolvedRefs Conflicted:NoConflicts 0 routes",
        ],
    ),
    "addresses": (
        [gateway(HTTP, addresses="[{value: 10.0.0.1}, {value: 10.0.0.2}]")],
        ["Accepted:UnsupportedAddress ResolvedRefs Programmed:UnsupportedAddress"],
    ),
    "Service of another name": (
        [gateway(HTTP, addresses="[{value: nope, type: Hostname}]")],
        ["Accepted ResolvedRefs Programmed:AddressNotUsable", f"http {FINE} 0 routes"],
    ),
    "another class": (
        [resource("Gateway", "edge/gw", f"{{gatewayClassName: nginx, listeners: [{HTTP}]}}", GATEWAY)],
        [],
    ),
    "ListenerSet": (
        [
            gateway(HTTP, allowedListeners="{namespaces: {from: Same}}"),
            route(parent="{kind: ListenerSet, name: more}"),
            listener_set("{name: b, port: 81, protocol: HTTP}", "{name: c, port: 80, protocol: HTTP}"),
        ],
        [
            "Accepted",
            f"b {FINE} 1 routes",
            "c Accepted:HostnameConflict Programmed:HostnameConflict Conflicted:HostnameConflict 0 routes",
        ],
    ),
    "ListenerSet that isn't allowed": (
        [gateway(HTTP), listener_set("{name: b, port: 81, protocol: HTTP}")],
        ["Accepted:NotAllowed Programmed:NotAllowed"],
    ),
    "ListenerSet without TLS": (
        [
            gateway(HTTP, allowedListeners="{namespaces: {from: All}}"),
            listener_set("{name: b, port: 443, protocol: HTTPS}", name="other/more"),
        ],
        [
            "Accepted:ListenersNotValid Programmed:ListenersNotValid",
            "b Accepted:UnsupportedProtocol Programmed:Invalid ResolvedRefs Conflicted:NoConflicts 0 routes",
        ],
    ),
    "client certificates": (
        [
            resource("Secret", "edge/cert"),
            gateway(
                "{name: tls, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}",
                tls="{frontend: {default: {validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: nope}]}}}}",
            ),
        ],
        [
            "Accepted:ListenersNotValid ResolvedRefs",
            "tls Accepted:NoValidCACertificate Programmed:Invalid ResolvedRefs:InvalidCACertificateRef Conflicted:NoConflicts 0 routes",
        ],
    ),
    "TLS to a backend": (
        [
            resource("ConfigMap", "edge/ca"),
            gateway(HTTP),
            route(rules="[{backendRefs: [{name: web, port: 80}]}]"),
            backend_tls(),
        ],
        ["Service edge/web Accepted ResolvedRefs", f"{ON} {OK}"],
    ),
    "TLS to nothing": (
        [resource("ConfigMap", "edge/ca"), backend_tls(target="nope")],
        ["Service edge/nope Accepted:TargetNotFound ResolvedRefs"],
    ),
    "TLS without authority": (
        [backend_tls()],
        ["Service edge/web Accepted:NoValidCACertificate ResolvedRefs:InvalidCACertificateRef"],
    ),
    "TLS by a Secret": (
        [backend_tls(kind="Secret")],
        ["Service edge/web Accepted:NoValidCACertificate ResolvedRefs:InvalidKind"],
    ),
    "TLS by two policies": (
        [resource("ConfigMap", "edge/ca"), backend_tls("a"), backend_tls("b")],
        ["Service edge/web Accepted:Conflicted ResolvedRefs"],
    ),
    "parameters of no known kind": (
        [gateway(HTTP, infrastructure="{parametersRef: {group: x.example, kind: Y, name: z}}")],
        ["Accepted:InvalidParameters ResolvedRefs Programmed:AddressNotUsable", "http Accepted Programmed ResolvedRefs Conflicted:NoConflicts 0 routes"],
    ),
    "class": (
        [resource("GatewayClass", "mine", "{controllerName: istio.io/gateway-controller}", GATEWAY)],
        ["Accepted"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "expected"), REPORTS.values(), ids=REPORTS)
def test_istio_reports(objects, expected):
    assert told(state_of(*objects), objects[-1]) == expected


CORE = "{group: core, kind: Service, name: web}"
NETWORK = resource("EgressNetwork", "edge/out", "{trafficPolicy: Allow}", "policy.linkerd.io/v1alpha1")
OUT = "{group: policy.linkerd.io, kind: EgressNetwork, name: out, port: 443}"
SERVER = resource("Server", "edge/s", "{podSelector: {}, port: http}")
ON_SERVER = "{group: policy.linkerd.io, kind: Server, name: s}"


def rate(name: str, server: str = "s") -> Resource:
    target = f"{{group: policy.linkerd.io, kind: Server, name: {server}}}"
    return resource(
        "HTTPLocalRateLimitPolicy",
        f"edge/{name}",
        f"{{targetRef: {target}, total: {{requestsPerSecond: 5}}}}",
        "policy.linkerd.io/v1alpha1",
    )


LINKERDS = {
    "Service": ([route(parent=CORE)], ["Service edge/web Accepted ResolvedRefs"]),
    "no such Service": (
        [route(parent="{group: '', kind: Service, name: nope}")],
        ["Service edge/nope Accepted:NoMatchingParent ResolvedRefs"],
    ),
    "headless": (
        [
            resource("Service", "edge/h", "{clusterIP: None, selector: {app: web}, ports: [{port: 80}]}"),
            route(parent="{group: '', kind: Service, name: h}"),
        ],
        ["Service edge/h Accepted:NoMatchingParent ResolvedRefs"],
    ),
    "Gateway": ([gateway(HTTP), route()], []),
    "no backend": (
        [route(parent=CORE, rules="[{backendRefs: [{name: nope, port: 80}]}]")],
        ["Service edge/web Accepted ResolvedRefs:BackendNotFound"],
    ),
    "kind of backend": (
        [route(parent=CORE, rules="[{backendRefs: [{name: x, kind: Bucket, group: b.org, port: 80}]}]")],
        ["Service edge/web Accepted ResolvedRefs:InvalidKind"],
    ),
    "conflict": (
        [
            resource("GRPCRoute", "edge/g", f"{{parentRefs: [{CORE}], rules: [{{}}]}}", GATEWAY),
            route(parent=CORE),
        ],
        ["Service edge/web Accepted:RouteReasonConflicted ResolvedRefs"],
    ),
    "way out": (
        [NETWORK, route(parent=OUT, rules=f"[{{backendRefs: [{OUT}]}}]")],
        ["EgressNetwork edge/out port 443 Accepted ResolvedRefs"],
    ),
    "way out of a Service": (
        [NETWORK, route(parent=CORE, rules=f"[{{backendRefs: [{OUT}]}}]")],
        ["Service edge/web Accepted ResolvedRefs:InvalidKind"],
    ),
    "EgressNetwork": ([NETWORK], ["Accepted"]),
    "EgressNetwork in the cluster": (
        [resource("EgressNetwork", "edge/in", "{trafficPolicy: Allow, networks: [{cidr: 10.0.0.0/8}]}", "policy.linkerd.io/v1alpha1")],
        ["Accepted:EgressReasonNetworkOverlap"],
    ),
    "Server": ([SERVER, route(parent=ON_SERVER)], ["Server edge/s Accepted"]),
    "rate limit": ([SERVER, rate("a")], ["Accepted"]),
    "second rate limit": ([SERVER, rate("a"), rate("b")], ["Accepted:RateLimitReasonAlreadyExists"]),
    "rate limit of nothing": ([rate("a", "nope")], ["Accepted:NoMatchingTarget"]),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "expected"), LINKERDS.values(), ids=LINKERDS)
def test_linkerd_reports(objects, expected):
    assert told(state_of(*objects, meshes=(LINKERD,)), objects[-1]) == expected


def test_each_controller_reports_what_it_reads():
    both = route(parent="{group: '', kind: Service, name: web}")
    state = state_of(both, meshes=(ISTIO, LINKERD))
    assert [status.controller for status in reported(state, both)] == [ISTIO_NAME, LINKERD_NAME]


def test_a_load_balancers_address_isnt_foretold():
    edge = gateway(HTTP)
    (own, *_) = reported(state_of(edge), edge)
    assert own.open == ("Programmed",)
