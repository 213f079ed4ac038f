"""What Linkerd's proxies make of TLS, bare connections, opaque ports, and ports that they are kept from."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, cluster, deployment, resource, send, told


def workload(name, port_name="https", metadata=None):
    port = {"name": port_name, "containerPort": 8443}
    container = {"name": "main", "image": "example.com/server", "ports": [port]}
    return deployment(name, {"containers": [container]}, metadata)


def service(name, more="", annotations=None, app=""):
    short = name.rpartition("/")[2]
    spec = f"{{selector: {{app: {app or short}}}, ports: [{{port: 443, targetPort: 8443{more}}}]}}"
    return resource("Service", name, spec, annotations=annotations or {})


def annotated(name, **annotations):
    marks = {f"config.linkerd.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    short = name.rpartition("/")[2]
    return {"labels": {"app": short}, "annotations": marks}


WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *(workload(f"{namespace}/client", "http") for namespace in ("lnk", "ist", "bare")),
        workload("lnk/web"),
        workload("lnk/v2"),
        workload("bare/plain"),
        service("lnk/web"),
        service("lnk/v2"),
        service("bare/plain"),
    ],
)
WEB, V2 = "200 from lnk/web", "200 from lnk/v2"
TLS_FAILED, RESET, EMPTY = (
    "TLS handshake failed (curl 35)",
    "connection reset (curl 56)",
    "empty reply (curl 52)",
)
CONNECTED, CONNECTED_V2 = "connected to lnk/web", "connected to lnk/v2"


def route(kind, spec, name="lnk/r", parent="web", port="", **metadata):
    head = f"parentRefs: [{{kind: Service, group: '', name: {parent}{port}}}], "
    api = f"gateway.networking.k8s.io/{'v1alpha2' if kind in ('TLSRoute', 'TCPRoute') else 'v1'}"
    return resource(kind, name, f"{{{head}{spec}}}", api, **metadata)


def rule(*backends):
    refs = ", ".join(f"{{name: {name}, port: 443, weight: {weight}}}" for name, weight in backends)
    return f"rules: [{{backendRefs: [{refs}]}}]"


TO_V2 = rule(("v2", 1))
HTTP = route("HTTPRoute", rule(("web", 1)), "lnk/http")
TCP = route("TCPRoute", TO_V2, "lnk/tcp")
TLS = route("TLSRoute", f"hostnames: [web.lnk], {TO_V2}", "lnk/tls")
WILD_TLS = route("TLSRoute", f"hostnames: ['*.lnk'], {rule(('web', 1))}", "lnk/wild")


@pytest.mark.parametrize(
    ("objects", "https", "http", "tcp"),
    [
        ([], {WEB: 1}, {WEB: 1}, {CONNECTED: 1}),
        ([HTTP, TCP], {WEB: 1}, {WEB: 1}, {CONNECTED: 1}),
        ([TCP], {V2: 1}, {V2: 1}, {CONNECTED_V2: 1}),
        ([TLS], {V2: 1}, {EMPTY: 1}, {EMPTY: 1}),
        ([TLS, TCP], {V2: 1}, {EMPTY: 1}, {EMPTY: 1}),
        ([TLS, WILD_TLS], {V2: 1}, {EMPTY: 1}, {EMPTY: 1}),
        ([WILD_TLS], {WEB: 1}, {EMPTY: 1}, {EMPTY: 1}),
        (
            [route("TLSRoute", f"hostnames: [other.com], {TO_V2}")],
            {TLS_FAILED: 1}, {EMPTY: 1}, {EMPTY: 1},
        ),
        (
            [route("TCPRoute", rule(("web", 3), ("v2", 1)))],
            {WEB: "3/4", V2: "1/4"}, {WEB: "3/4", V2: "1/4"}, {CONNECTED: "3/4", CONNECTED_V2: "1/4"},
        ),
        (
            [route("TCPRoute", rule(("gone", 1), ("v2", 1)))],
            {TLS_FAILED: "1/2", V2: "1/2"}, {EMPTY: "1/2", V2: "1/2"}, {EMPTY: "1/2", CONNECTED_V2: "1/2"},
        ),
        ([route("TCPRoute", rule(("v2", 0), ("web", 0)))], {TLS_FAILED: 1}, {EMPTY: 1}, {EMPTY: 1}),
        ([route("TCPRoute", TO_V2, port=", port: 80")], {WEB: 1}, {WEB: 1}, {CONNECTED: 1}),
        (
            [route("GRPCRoute", TO_V2)],
            {TLS_FAILED: 1}, {"received HTTP/0.9 (curl 1)": 1}, {"connected": 1},
        ),
        ([service("lnk/web", ", appProtocol: http"), TCP], {TLS_FAILED: 1}, {WEB: 1}, {"connected": 1}),
        ([service("lnk/web", ", appProtocol: https"), HTTP], {WEB: 1}, {WEB: 1}, {CONNECTED: 1}),
        ([service("lnk/web", ", appProtocol: linkerd.io/tcp"), TCP], {V2: 1}, {V2: 1}, {CONNECTED_V2: 1}),
    ],
)  # fmt: skip
def test_what_a_client_with_a_proxy_gets(objects, https, http, tcp):
    state = changes.apply(WORLD, objects)
    for url, wanted in (
        ("https://web.lnk/", https),
        ("http://web.lnk:443/", http),
        ("tcp://web.lnk:443", tcp),
    ):
        seen = told(send(state, "lnk/client", url))
        assert {key: str(value) for key, value in seen.items()} == {k: str(v) for k, v in wanted.items()}, url


def test_the_older_tcp_route_counts_alone():
    older, newer = route("TCPRoute", TO_V2, "lnk/z"), route("TCPRoute", rule(("web", 1)), "lnk/a")
    outcomes = send(changes.apply(changes.apply(WORLD, [older]), [newer]), "lnk/client", "tcp://web.lnk:443")
    assert told(outcomes) == {CONNECTED_V2: 1}
    assert any(why.subject == "TCPRoute lnk/a" and why.passed_over for why in outcomes.groups[0].trace)


def test_a_conflicting_route_is_not_accepted_whatever_the_port_declares():
    declared = service("lnk/web", ", appProtocol: http")
    http = route("HTTPRoute", TO_V2, "lnk/http")
    assert told(send(changes.apply(WORLD, [declared, http]), "lnk/client", "http://web.lnk:443/")) == {V2: 1}
    grpc = route("GRPCRoute", TO_V2, "lnk/grpc")
    outcomes = send(changes.apply(WORLD, [declared, http, grpc]), "lnk/client", "http://web.lnk:443/")
    assert told(outcomes) == {WEB: 1}
    assert any("RouteReasonConflicted" in why.text for why in outcomes.groups[0].trace if why.passed_over)


OPAQUE = {"config.linkerd.io/opaque-ports": "443"}


@pytest.mark.parametrize(
    ("objects", "outcome", "identified"),
    [
        ([], V2, True),
        ([service("lnk/web", annotations=OPAQUE)], WEB, False),
        ([service("lnk/web", annotations={"config.linkerd.io/opaque-ports": "25,400-500"})], WEB, False),
        ([service("lnk/web", annotations={"config.linkerd.io/opaque-ports": ""})], V2, True),
        ([service("lnk/web", ", appProtocol: http", OPAQUE)], EMPTY, False),
        ([workload("lnk/v2", metadata=annotated("lnk/v2", opaque_ports="8443"))], V2, False),
        ([workload("lnk/v2", metadata=annotated("lnk/v2", opaque_ports="https"))], V2, False),
        ([workload("lnk/v2", metadata=annotated("lnk/v2", opaque_ports="443"))], V2, True),
    ],
)
def test_opaque_ports_follow_no_http_route_and_keep_mutual_tls(objects, outcome, identified):
    state = changes.apply(WORLD, [route("HTTPRoute", TO_V2), *objects])
    (group,) = send(state, "lnk/client", "http://web.lnk:443/").groups
    assert str(group.outcome) == outcome
    if outcome != EMPTY:
        assert group.outcome.hop.mutual
        assert (group.outcome.server_saw.header("l5d-client-id") is not None) == identified


def test_a_namespace_and_the_installation_make_ports_opaque():
    routed = changes.apply(WORLD, [route("HTTPRoute", TO_V2)])
    marked = changes.mark(routed, "lnk", annotations=OPAQUE)
    assert told(send(marked, "lnk/client", "http://web.lnk:443/")) == {WEB: 1}
    port = "ports: [{port: 3306, targetPort: 8443}]"
    mysql = resource("Service", "lnk/web", f"{{selector: {{app: web}}, {port}}}")
    assert told(send(changes.apply(routed, [mysql]), "lnk/client", "http://web.lnk:3306/")) == {WEB: 1}
    without = changes.apply(routed, [config("proxy: {opaquePorts: ''}"), mysql])
    assert told(send(without, "lnk/client", "http://web.lnk:3306/")) == {V2: 1}


def config(values):
    data = {"values": values}
    made = resource("ConfigMap", "linkerd/linkerd-config")
    made.data["data"] = data
    return made


DENY = "config.linkerd.io/default-inbound-policy"


@pytest.mark.parametrize(
    ("annotations", "source", "url", "outcome"),
    [
        ({DENY: "all-authenticated"}, "lnk/client", "https://web.lnk/", WEB),
        ({DENY: "all-authenticated"}, "bare/client", "https://web.lnk/", RESET),
        ({DENY: "all-authenticated"}, "bare/client", "tcp://web.lnk:443", RESET),
        ({DENY: "deny"}, "lnk/client", "https://web.lnk/", TLS_FAILED),
        ({DENY: "deny"}, "lnk/client", "tcp://web.lnk:443", RESET),
        ({DENY: "audit"}, "bare/client", "https://web.lnk/", WEB),
        # Round the client's proxy: as a client without one.
        ({DENY: "all-authenticated", "config.linkerd.io/skip-outbound-ports": "443"},
         "lnk/client", "http://web.lnk:443/", "403"),
        ({DENY: "all-authenticated", "config.linkerd.io/skip-outbound-ports": "8443"},
         "lnk/client", "http://web.lnk:443/", WEB),
        # Round the server's: no policy, and no mutual TLS.
        ({DENY: "deny", "config.linkerd.io/skip-inbound-ports": "8000-9000"},
         "lnk/client", "http://web.lnk:443/", WEB),
        ({DENY: "deny", "config.linkerd.io/skip-inbound-ports": "8443"},
         "bare/client", "http://web.lnk:443/", WEB),
        ({DENY: "deny", "config.linkerd.io/skip-inbound-ports": "443"},
         "bare/client", "http://web.lnk:443/", "403"),
        ({DENY: "deny", "config.linkerd.io/skip-subnets": "10.0.0.0/8"},
         "bare/client", "http://web.lnk:443/", WEB),
        ({DENY: "deny", "config.linkerd.io/skip-subnets": "192.168.0.0/16"},
         "bare/client", "http://web.lnk:443/", "403"),
        # What comes by mutual TLS comes to the proxy's own port.
        ({DENY: "deny", "config.linkerd.io/skip-subnets": "10.0.0.0/8"},
         "lnk/client", "http://web.lnk:443/", "403"),
        ({"config.linkerd.io/proxy-require-identity-inbound-ports": "8443"},
         "bare/client", "http://web.lnk:443/", "403"),
        ({"config.linkerd.io/proxy-require-identity-inbound-ports": "8443"},
         "lnk/client", "http://web.lnk:443/", WEB),
    ],
)  # fmt: skip
def test_policy_of_connections_and_ways_round_proxies(annotations, source, url, outcome):
    state = changes.restart(changes.mark(WORLD, "lnk", annotations=annotations), "lnk")
    assert told(send(state, source, url)) == {outcome: 1}


def test_no_mutual_tls_where_a_side_is_skipped():
    for annotation in ("config.linkerd.io/skip-outbound-ports", "config.linkerd.io/skip-inbound-ports"):
        state = changes.restart(changes.mark(WORLD, "lnk", annotations={annotation: "443,8443"}), "lnk")
        (group,) = send(state, "lnk/client", "http://web.lnk:443/").groups
        assert not group.outcome.hop.mutual


def server(protocol, access="all-unauthenticated"):
    spec = f"podSelector: {{matchLabels: {{app: web}}}}, port: 8443, proxyProtocol: {protocol}"
    return resource("Server", "lnk/s", f"{{{spec}, accessPolicy: {access}}}")


@pytest.mark.parametrize(
    ("protocol", "scheme", "meshed", "bare"),
    [
        ("unknown", "https", WEB, WEB),
        ("opaque", "https", WEB, WEB),
        ("TLS", "https", WEB, WEB),
        ("HTTP/1", "https", TLS_FAILED, TLS_FAILED),
        ("HTTP/1", "tcp", RESET, "connected"),
        ("HTTP/1", "http", WEB, WEB),
        ("HTTP/2", "http", WEB, "received HTTP/0.9 (curl 1)"),
        ("HTTP/2", "grpc", "200 grpc-status 0 from lnk/web", "200 grpc-status 0 from lnk/web"),
        ("HTTP/1", "grpc", "200 grpc-status 0 from lnk/web", EMPTY),
        ("gRPC", "grpc", "200 grpc-status 0 from lnk/web", "200 grpc-status 0 from lnk/web"),
        ("gRPC", "http", "404", "received HTTP/0.9 (curl 1)"),
        ("opaque", "http", WEB, WEB),
        ("TLS", "http", "404", WEB),
    ],
)
def test_what_a_server_declares(protocol, scheme, meshed, bare):
    state = changes.apply(WORLD, [server(protocol)])
    path = "" if scheme == "tcp" else "/pkg.Service/Method"
    for client, outcome in (("lnk/client", meshed), ("bare/client", bare)):
        assert told(send(state, client, f"{scheme}://web.lnk:443{path}")) == {outcome: 1}, client


def test_a_denied_opaque_server_ends_connections():
    state = changes.apply(WORLD, [server("opaque", "deny")])
    assert told(send(state, "lnk/client", "http://web.lnk:443/")) == {"502": 1}
    assert told(send(state, "lnk/client", "https://web.lnk/")) == {TLS_FAILED: 1}
    assert told(send(state, "bare/client", "http://web.lnk:443/")) == {RESET: 1}


def test_a_profile_splits_connections_too():
    spec = (
        "{dstOverrides: [{authority: web.lnk.svc.cluster.local, weight: 1}, "
        "{authority: v2.lnk.svc.cluster.local, weight: 3}]}"
    )
    profile = resource("ServiceProfile", "lnk/web.lnk.svc.cluster.local", spec)
    seen = told(send(changes.apply(WORLD, [profile, TCP]), "lnk/client", "https://web.lnk/"))
    assert {key: str(value) for key, value in seen.items()} == {WEB: "1/4", V2: "3/4"}


def test_a_plain_server_gets_what_a_proxy_cannot_read():
    assert told(send(WORLD, "lnk/client", "https://plain.bare/")) == {"200 from bare/plain": 1}
    assert told(send(WORLD, "lnk/client", "https://web.lnk:81/")) == {TLS_FAILED: 1}
