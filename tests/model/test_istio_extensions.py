"""What changes proxies beyond what the model reads: which requests meet an object, and by which field."""

from __future__ import annotations

import pytest

from harness.model import changes
from harness.traffic.trace import Action
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send

DOOR = resource(
    "Gateway", "ist/door", "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}"
)  # fmt: skip
TO_WEB = "http: [{route: [{destination: {host: web.ist.svc.cluster.local}}]}]"
PORTS = "ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8081}, {name: tcp, port: 9000}]"
TCP = "[{containerPort: 8080}, {containerPort: 8081}, {containerPort: 9000}]"
WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "team", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("team/client", "curlimages/curl"),
        deployment("ist/web", {"containers": [{"name": "c", "image": "shop"}]}),
        resource("Service", "ist/web", "{selector: {app: web}, " + PORTS + "}"),
        *app("ist/other", "l5d/echo:v1", 8080),
        *app("bare/client", "curlimages/curl"),
        *app("bare/web", "l5d/echo:v1", 8080),
        DOOR,
        resource("VirtualService", "ist/in", "{hosts: [a.com], gateways: [door], " + TO_WEB + "}"),
        resource("VirtualService", "ist/also", "{hosts: [b.com], gateways: [door], " + TO_WEB + "}"),
    ],
)

GATEWAY = "http://istio-ingressgateway.istio-system/"
REQUESTS = {
    "web": ("ist/client", "http://web/", {}),
    "81": ("ist/client", "http://web:81/", {}),
    "tcp": ("ist/client", "tcp://web:9000", {}),
    "other": ("ist/client", "http://other/", {}),
    "out": ("ist/client", "http://example.com/", {}),
    "team": ("team/client", "http://web.ist/", {}),
    "plain": ("bare/client", "http://web.ist/", {}),
    "bare": ("bare/client", "http://web/", {}),
    "a.com": ("bare/client", GATEWAY, {"host": "a.com"}),
    "b.com": ("bare/client", GATEWAY, {"host": "b.com"}),
    "c.com": ("bare/client", GATEWAY, {"host": "c.com"}),
}
SIDECARS = "web 81 tcp other out team plain a.com b.com"
ALL = SIDECARS + " c.com"
HTTP = "web 81 other out team plain a.com b.com"
SENT = "web 81 tcp other out team"
AT_WEB = "web 81 tcp team plain a.com b.com"


def patch(kind: str, match: str = "", done: str = "operation: MERGE, value: {}") -> str:
    return f"configPatches: [{{applyTo: {kind}, match: {{{match}}}, patch: {{{done}}}}}]"


INSERT = "operation: INSERT_FIRST, value: {name: lua}"
IN, OUT, EDGE = (f"context: {context}" for context in ("SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"))
CHAIN = (
    "listener: {portNumber: %s, filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}"
)
VHOST = "routeConfiguration: {vhost: {name: '%s'}}"

# the namespace, the spec, the requests that meet it
FILTERS = {
    "no patches": ("ist", "{}", ""),
    "of the mesh": ("istio-system", patch("LISTENER"), ALL),
    "of a namespace": ("ist", patch("LISTENER"), "web 81 tcp other out team plain a.com b.com"),
    "of another namespace": ("team", patch("LISTENER"), "team"),
    "of a namespace without proxies": ("bare", patch("LISTENER"), ""),
    "of pods": ("ist", "workloadSelector: {labels: {app: web}}, " + patch("LISTENER"), AT_WEB),
    "of the mesh's pods": ("istio-system", "workloadSelector: {labels: {app: web}}, " + patch("LISTENER"), AT_WEB),
    "of no pods": ("ist", "workloadSelector: {labels: {app: none}}, " + patch("LISTENER"), ""),
    "of a Gateway": ("ist", "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}], " + patch("LISTENER"), ""),
    "of a waypoint": ("istio-system", patch("HTTP_FILTER", "context: WAYPOINT, waypoint: {portNumber: 80}"), ""),
    "inbound": ("istio-system", patch("LISTENER", IN), "web 81 tcp other team plain a.com b.com"),
    "outbound": ("istio-system", patch("LISTENER", OUT), SENT),
    "gateways": ("istio-system", patch("LISTENER", EDGE), "a.com b.com c.com"),
    "HTTP alone": ("istio-system", patch("HTTP_FILTER", "context: ANY", INSERT), HTTP + " c.com"),
    "HTTP inbound": ("istio-system", patch("HTTP_FILTER", IN, INSERT), "web 81 other team plain a.com b.com"),
    "a server's port": ("ist", patch("HTTP_FILTER", f"{IN}, {CHAIN % 8081}", INSERT), "81"),
    "a chain's port": ("ist", patch("NETWORK_FILTER", f"{IN}, listener: {{filterChain: {{destinationPort: 9000}}}}"), "tcp"),
    "a client's port": ("istio-system", patch("HTTP_FILTER", f"{OUT}, {CHAIN % 81}", INSERT), "81"),
    "a port of both": ("ist", patch("NETWORK_FILTER", "listener: {portNumber: 9000}"), "tcp"),
    "a port that nobody has": ("istio-system", patch("LISTENER", "listener: {portNumber: 7}"), ""),
    "a gateway's port": ("istio-system", patch("HTTP_FILTER", f"{EDGE}, {CHAIN % 80}", INSERT), "a.com b.com c.com"),
    "a gateway's pods' port": ("istio-system", patch("HTTP_FILTER", f"{EDGE}, {CHAIN % 8080}", INSERT), "a.com b.com c.com"),
    "another port of gateways": ("istio-system", patch("HTTP_FILTER", f"{EDGE}, {CHAIN % 443}", INSERT), ""),
    "a listener's name": ("istio-system", patch("LISTENER", f"{OUT}, listener: {{name: 0.0.0.0_81}}"), "81"),
    "all that comes in": ("istio-system", patch("LISTENER", "listener: {name: virtualInbound}"), "web 81 tcp other team plain a.com b.com"),
    "the port of all that goes out": ("istio-system", patch("LISTENER", f"{OUT}, listener: {{portNumber: 15001}}"), SENT),
    "a listener's filter, whatever its port": ("team", patch("LISTENER_FILTER", f"{OUT}, listener: {{portNumber: 7}}", "operation: ADD, value: {name: n}"), "team"),
    "a gateway's listener's filter": ("istio-system", patch("LISTENER_FILTER", f"{EDGE}, listener: {{portNumber: 7}}", "operation: ADD, value: {name: n}"), ""),
    "a new chain, whatever its port": ("team", patch("FILTER_CHAIN", f"{OUT}, listener: {{portNumber: 7}}", "operation: ADD, value: {name: n}"), "team"),
    "a new listener": ("ist", patch("LISTENER", OUT, "operation: ADD, value: {name: n, address: {socket_address: {address: 0.0.0.0, port_value: 81}}}"), "81"),
    "a new listener, somewhere": ("team", patch("LISTENER", OUT, "operation: ADD, value: {name: n}"), "team"),
    "routes of a port": ("istio-system", patch("HTTP_ROUTE", f"{OUT}, routeConfiguration: {{portNumber: 81}}"), "81"),
    "a virtual host": ("istio-system", patch("VIRTUAL_HOST", f"{OUT}, {VHOST % 'web.ist.svc.cluster.local:80'}"), "web 81 team"),
    "a virtual host's route": ("istio-system", patch("HTTP_ROUTE", VHOST % "other.ist.svc.cluster.local:80"), "other"),
    "a virtual host that takes others' domains": (
        "istio-system", patch("VIRTUAL_HOST", f"{OUT}, {VHOST % 'web.ist.svc.cluster.local:80'}", "operation: MERGE, value: {domains: ['*']}"),
        "web 81 other out team",
    ),
    "a new virtual host": ("istio-system", patch("VIRTUAL_HOST", OUT, "operation: ADD, value: {name: v}"), "web 81 other out team"),
    "the virtual host of what isn't known": ("istio-system", patch("VIRTUAL_HOST", f"{OUT}, {VHOST % 'allow_any'}"), "web 81 other out team"),
    "a gateway's virtual host": ("istio-system", patch("VIRTUAL_HOST", f"{EDGE}, {VHOST % 'a.com:80'}"), "a.com"),
    "a server's virtual host": ("ist", patch("VIRTUAL_HOST", f"{IN}, {VHOST % 'inbound|http|80'}"), "web 81 other team plain a.com b.com"),
    "a service": ("istio-system", patch("CLUSTER", f"{OUT}, cluster: {{service: web.ist.svc.cluster.local}}"), "web 81 tcp team"),
    "a service, from gateways": ("istio-system", patch("CLUSTER", f"{EDGE}, cluster: {{service: web.ist.svc.cluster.local}}"), "a.com b.com"),
    "a service's port": ("ist", patch("CLUSTER", f"{OUT}, cluster: {{service: web.ist.svc.cluster.local, portNumber: 81}}"), "81"),
    "a subset that nobody goes to": ("ist", patch("CLUSTER", f"{OUT}, cluster: {{subset: v1}}"), ""),
    "a cluster's name": ("ist", patch("CLUSTER", f"{OUT}, cluster: {{name: outbound|80||other.ist.svc.cluster.local}}"), "other"),
    "a cluster of another name": ("ist", patch("CLUSTER", f"{OUT}, cluster: {{name: PassthroughCluster}}"), "web 81 tcp other out"),
    "clusters of a port": ("ist", patch("CLUSTER", "cluster: {portNumber: 8081}"), "81"),
    "a cluster that becomes another": ("ist", patch("CLUSTER", f"{OUT}, cluster: {{service: x.y}}", "operation: MERGE, value: {name: z}"), "web 81 tcp other out"),
    "a new cluster": ("istio-system", patch("CLUSTER", "", "operation: ADD, value: {name: limiter}"), ""),
    "a new cluster in Istio's place": ("ist", patch("CLUSTER", "", "operation: ADD, value: {name: outbound|80||x.y}"), SIDECARS),
    "a configuration": ("istio-system", patch("EXTENSION_CONFIG", "", "operation: ADD, value: {name: c}"), ""),
    "the beginning": ("istio-system", patch("BOOTSTRAP"), ALL),
}  # fmt: skip


def meeting(made) -> str:
    """The requests whose traces name an object, and say that it isn't modelled."""
    state = changes.apply(WORLD, [made])
    names = []
    for name, (source, url, headers) in REQUESTS.items():
        steps = [step for group in send(state, source, url, **headers).groups for step in group.trace]
        left_out = [step for step in steps if step.action is Action.NOT_MODELLED]
        assert all(step.resource == made for step in left_out)
        names += [name] if left_out else []
    return " ".join(names)


@pytest.mark.parametrize(("namespace", "spec", "requests"), FILTERS.values(), ids=FILTERS)
def test_envoy_filters(namespace: str, spec: str, requests: str):
    made = resource(
        "EnvoyFilter",
        f"{namespace}/it",
        spec if spec == "{}" else f"{{{spec}}}",
        "networking.istio.io/v1alpha3",
    )
    assert meeting(made) == requests


# the kind, the namespace, the spec, the requests that meet it
WASM = "url: oci://x/y"
EXTENSIONS = {
    "a plugin": ("WasmPlugin", "istio-system", WASM, HTTP + " c.com"),
    "a plugin for bytes": ("WasmPlugin", "istio-system", WASM + ", type: NETWORK", ALL),
    "a plugin of pods": ("WasmPlugin", "ist", WASM + ", selector: {matchLabels: {app: web}}", "web 81 team plain a.com b.com"),
    "a plugin of servers": ("WasmPlugin", "istio-system", WASM + ", match: [{mode: SERVER}]", "web 81 other team plain a.com b.com"),
    "a plugin of clients": ("WasmPlugin", "istio-system", WASM + ", match: [{mode: CLIENT}]", "web 81 other out team a.com b.com c.com"),
    "a plugin of ports": ("WasmPlugin", "istio-system", WASM + ", match: [{mode: CLIENT, ports: [{number: 81}]}, {mode: SERVER, ports: [{number: 7}]}]", "81"),
    "a script": ("TrafficExtension", "ist", "lua: {inlineCode: x}, match: [{mode: SERVER}]", "web 81 other team plain a.com b.com"),
    "an extension for bytes": ("TrafficExtension", "team", "wasm: {url: oci://x/y, type: NETWORK}", "team"),
    "variables": ("ProxyConfig", "ist", "selector: {matchLabels: {app: other}}, environmentVariables: {A: b}", "other"),
    "threads": ("ProxyConfig", "istio-system", "concurrency: 2, image: {imageType: distroless}", ""),
}  # fmt: skip
APIS = {
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    "ProxyConfig": "networking.istio.io/v1beta1",
}


@pytest.mark.parametrize(("kind", "namespace", "spec", "requests"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_extensions(kind: str, namespace: str, spec: str, requests: str):
    assert meeting(resource(kind, f"{namespace}/it", f"{{{spec}}}", APIS[kind])) == requests


def test_a_step_names_the_patch_that_is_met():
    spec = "{configPatches: [{applyTo: CLUSTER, match: {cluster: {subset: v1}}, patch: {operation: MERGE, value: {}}}, {applyTo: LISTENER, patch: {operation: MERGE, value: {}}}]}"
    state = changes.apply(WORLD, [resource("EnvoyFilter", "ist/it", spec, "networking.istio.io/v1alpha3")])
    (group,) = send(state, "ist/client", "http://web/").groups
    fields = {step.field for step in group.trace if step.action is Action.NOT_MODELLED}
    assert fields == {"spec.configPatches[1]"}


def test_gateways_of_the_gateway_api_are_met_by_target():
    listeners = "[{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]"
    gateway = resource(
        "Gateway",
        "ist/g",
        "{gatewayClassName: istio, listeners: " + listeners + "}",
        "gateway.networking.k8s.io/v1",
    )
    target = "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: NAME}], url: oci://x/y}"
    for name, number in (("g", 1), ("h", 0)):
        plugin = resource("WasmPlugin", "ist/it", target.replace("NAME", name), APIS["WasmPlugin"])
        state = changes.apply(WORLD, [gateway, plugin])
        (group,) = send(state, "bare/client", "http://g-istio.ist/").groups
        assert sum(step.action is Action.NOT_MODELLED for step in group.trace) == number


def test_what_the_same_answers_met_is_told_of_each():
    """Two pods refuse alike: that one of them has the filter isn't lost where their answers are joined."""
    deny = resource("AuthorizationPolicy", "ist/none", "{}", "security.istio.io/v1")
    second = deployment(
        "ist/web2", {"containers": [{"name": "c", "image": "shop"}]}, {"labels": {"app": "web", "v": "2"}}
    )
    spec = "{workloadSelector: {labels: {v: '2'}}, configPatches: [{applyTo: LISTENER, patch: {operation: MERGE, value: {}}}]}"
    state = changes.apply(
        WORLD, [deny, second, resource("EnvoyFilter", "ist/it", spec, "networking.istio.io/v1alpha3")]
    )
    for group in send(state, "bare/client", "http://web.ist/").groups:
        assert any(step.action is Action.NOT_MODELLED for step in group.trace)
