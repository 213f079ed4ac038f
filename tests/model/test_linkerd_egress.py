"""EgressNetworks: what Linkerd's proxies let out of the cluster."""

from __future__ import annotations

import pytest

from harness.base.errors import InputError, NotModelledError
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

POLICY = "policy.linkerd.io/v1alpha1"
WORLD = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *app("lnk/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("lnk/web", "l5d/echo:v1", 8080),
    ],
)
COMMON = changes.mark(WORLD, "linkerd-egress")
OUT, OUT_TLS = "left the cluster to example.com:80", "left the cluster to example.com:443"
TLS_FAILED, EMPTY = "TLS handshake failed (curl 35)", "empty reply (curl 52)"


def network(policy, name="lnk/out", networks=""):
    return resource("EgressNetwork", name, f"{{trafficPolicy: {policy}{networks}}}", POLICY)


def route(kind, spec, name="lnk/r", parent="out", port=80, namespace=""):
    place = f", namespace: {namespace}" if namespace else ""
    head = f"{{group: policy.linkerd.io, kind: EgressNetwork, name: {parent}, port: {port}{place}}}"
    api = f"gateway.networking.k8s.io/{'v1alpha2' if kind in ('TLSRoute', 'TCPRoute') else 'v1'}"
    return resource(kind, name, f"{{parentRefs: [{head}], {spec}}}", api)


HOST = "hostnames: [example.com], rules: [{}]"
ITSELF = "{name: out, group: policy.linkerd.io, kind: EgressNetwork}"
BYTES = f"rules: [{{backendRefs: [{ITSELF}]}}]"
ALLOW, DENY = network("Allow"), network("Deny")


@pytest.mark.parametrize(
    ("objects", "url", "outcome"),
    [
        ([], "http://example.com/", OUT),
        ([], "https://example.com/", OUT_TLS),
        ([ALLOW], "http://example.com/", OUT),
        ([ALLOW], "https://example.com/", OUT_TLS),
        ([DENY], "http://example.com/", "403"),
        ([DENY], "grpc://example.com/a.B/C", "200 grpc-status 9"),
        ([DENY], "https://example.com/", TLS_FAILED),
        ([DENY], "tcp://example.com:9000", EMPTY),
        ([DENY], "http://web.lnk/", "200 from lnk/web"),
        ([DENY, route("HTTPRoute", HOST)], "http://example.com/", OUT),
        ([DENY, route("HTTPRoute", HOST)], "http://www.example.com/", "403"),
        ([DENY, route("HTTPRoute", HOST)], "https://example.com/", TLS_FAILED),
        ([DENY, route("HTTPRoute", HOST, port=8080)], "http://example.com/", "403"),
        ([DENY, route("HTTPRoute", "rules: [{matches: [{path: {value: /a}}]}]")], "http://example.com/b", "403"),
        ([DENY, route("HTTPRoute", f"rules: [{{backendRefs: [{ITSELF}]}}]")], "http://example.com/", OUT),
        ([DENY, route("HTTPRoute", "rules: [{backendRefs: [{name: web, port: 80}]}]")],
         "http://example.com/", "200 from lnk/web"),
        ([DENY, route("GRPCRoute", HOST)], "http://example.com/", "received HTTP/0.9 (curl 1)"),
        ([DENY, route("GRPCRoute", HOST)], "grpc://example.com/a.B/C", OUT),
        ([DENY, route("GRPCRoute", HOST)], "grpc://example.org/a.B/C", "200 grpc-status 7"),
        ([DENY, route("TLSRoute", f"hostnames: ['*.com'], {BYTES}", port=443)], "https://example.com/", OUT_TLS),
        ([DENY, route("TLSRoute", f"hostnames: ['*.org'], {BYTES}", port=443)],
         "https://example.com/", TLS_FAILED),
        ([ALLOW, route("TLSRoute", f"hostnames: ['*.org'], {BYTES}", port=443)],
         "https://example.com/", OUT_TLS),
        ([ALLOW, route("TLSRoute", f"hostnames: ['*.org'], {BYTES}")], "http://example.com/", EMPTY),
        ([DENY, route("TCPRoute", BYTES, port=443)], "https://example.com/", OUT_TLS),
        ([DENY, route("TCPRoute", BYTES, port=443)], "http://example.com/", "403"),
        ([DENY], "tcp://example.com:3306", EMPTY),
        ([DENY, route("TCPRoute", BYTES, port=3306)], "tcp://example.com:3306", "left the cluster to example.com:3306"),
        # By networks: the smallest that holds the address.
        ([network("Deny", networks=", networks: [{cidr: 8.8.0.0/16}]")], "http://8.8.8.8/", "403"),
        ([network("Deny", networks=", networks: [{cidr: 8.8.0.0/16}]")],
         "http://9.9.9.9/", "left the cluster to 9.9.9.9:80"),
        ([DENY, network("Allow", "lnk/dns", ", networks: [{cidr: 8.8.8.8/32}]")],
         "http://8.8.8.8/", "left the cluster to 8.8.8.8:80"),
        ([network("Deny", networks=", networks: [{cidr: 8.0.0.0/8, except: [8.8.8.8/32]}]")],
         "http://8.8.8.8/", "left the cluster to 8.8.8.8:80"),
    ],
)  # fmt: skip
def test_egress(objects, url, outcome):
    outcomes = send(changes.apply(WORLD, objects), "lnk/client", url)
    assert {text.split(" (by")[0]: weight for text, weight in told(outcomes).items()} == {outcome: 1}
    assert told(send(changes.apply(WORLD, objects), "bare/client", "http://example.com/")) == {OUT: 1}


def test_the_oldest_of_equal_networks_decides():
    state = changes.apply(changes.apply(WORLD, [network("Deny", "lnk/z")]), [network("Allow", "lnk/a")])
    (group,) = send(state, "lnk/client", "http://example.com/").groups
    assert group.outcome.status == 403
    assert any(why.subject == "EgressNetwork lnk/a" and why.passed_over for why in group.trace)


def test_a_namespaces_own_networks_come_instead_of_the_global_ones():
    common = network("Deny", "linkerd-egress/all")
    assert told(send(changes.apply(COMMON, [common]), "lnk/client", "http://example.com/")) == {"403": 1}
    own = network("Allow", networks=", networks: [{cidr: 8.8.0.0/16}]")
    state = changes.apply(COMMON, [common, own])
    assert told(send(state, "lnk/client", "http://9.9.9.9/")) == {"left the cluster to 9.9.9.9:80": 1}
    elsewhere = changes.apply(changes.mark(COMMON, "other"), [network("Deny", "other/all")])
    assert told(send(elsewhere, "lnk/client", "http://example.com/")) == {OUT: 1}


def test_a_clients_own_route_on_the_global_network():
    common = network("Deny", "linkerd-egress/all")
    consumer = route("HTTPRoute", HOST, parent="all", namespace="linkerd-egress")
    state = changes.apply(COMMON, [common, consumer])
    assert told(send(state, "lnk/client", "http://example.com/")) == {OUT: 1}


def test_routes_on_a_network_that_reaches_into_the_cluster_are_not_accepted():
    wide = network("Deny", networks=", networks: [{cidr: 0.0.0.0/0}]")
    (group,) = send(
        changes.apply(WORLD, [wide, route("HTTPRoute", HOST)]), "lnk/client", "http://example.com/"
    ).groups
    assert group.outcome.status == 403
    assert any("reaches into the cluster" in why.text for why in group.trace if why.passed_over)


def test_an_egress_network_is_no_backend_of_a_services_routes():
    head = "{kind: Service, group: '', name: web}"
    on_service = resource("HTTPRoute", "lnk/s", f"{{parentRefs: [{head}], {BYTES}}}")
    (group,) = send(changes.apply(WORLD, [ALLOW, on_service]), "lnk/client", "http://web/").groups
    assert group.outcome.status == 500
    assert (
        group.outcome.header("l5d-proxy-error")
        == "EgressNetwork backends attach to EgressNetwork parents only"
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (network("Deny", networks=", networks: []"), "at least one network must be specified"),
        (
            network("Deny", networks=", networks: [{cidr: 8.8.8.8/32, except: [8.0.0.0/8]}]"),
            "completely negated",
        ),
        (network("Maybe"), 'Unsupported value: "Maybe"'),
        (
            resource("HTTPRoute", "lnk/r", "{parentRefs: [{group: policy.linkerd.io, kind: EgressNetwork, "
                     "name: out}]}"),
            "cannot target an EgressNetwork without specifying a port",
        ),
    ],
)  # fmt: skip
def test_refused(made, words):
    with pytest.raises(Refused, match=words):
        changes.apply(WORLD, [made])


def test_a_host_that_may_be_in_a_network_or_not():
    state = changes.apply(WORLD, [network("Deny", networks=", networks: [{cidr: 8.8.0.0/16}]")])
    with pytest.raises(NotModelledError, match=r"EgressNetwork lnk/out spec\.networks"):
        send(state, "lnk/client", "http://example.com/")


def installed(values):
    made = resource("ConfigMap", "linkerd/linkerd-config")
    made.data["data"] = {"values": values}
    return made


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ("", "200 from lnk/web"),
        ("proxy: {defaultInboundPolicy: deny}", "403"),
        ("proxy: {defaultInboundPolicy: all-authenticated, image: {name: other}}", "403"),
        ("proxy: {defaultInboundPolicy: audit}", "200 from lnk/web"),
        ("{proxy: {defaultInboundPolicy: cluster-unauthenticated}, clusterNetworks: 192.168.0.0/16}", "403"),
        ("{proxy: {defaultInboundPolicy: cluster-unauthenticated}, clusterNetworks: 10.0.0.0/8}",
         "200 from lnk/web"),
        ("{proxy: {defaultInboundPolicy: deny}, proxyInit: {ignoreInboundPorts: '8080'}}", "200 from lnk/web"),
    ],
)  # fmt: skip
def test_the_installations_settings(values, outcome):
    state = changes.apply(WORLD, [installed(values)])
    assert told(send(state, "bare/client", "http://web.lnk/")) == {outcome: 1}


def test_the_global_egress_namespace_is_a_setting():
    state = changes.apply(
        changes.mark(WORLD, "exit"),
        [installed("egress: {globalEgressNetworkNamespace: exit}"), network("Deny", "exit/all")],
    )
    assert told(send(state, "lnk/client", "http://example.com/")) == {"403": 1}


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ("clusterDomain: other.local", NotModelledError, "data.values clusterDomain"),
        ("proxy: {defaultInboundPolicy: maybe}", NotModelledError, "defaultInboundPolicy"),
        ("a: [", InputError, "isn't YAML"),
        ("- a", InputError, "isn't a mapping"),
    ],
)
def test_settings_that_the_rules_are_not_for(values, error, words):
    with pytest.raises(error, match=words):
        send(changes.apply(WORLD, [installed(values)]), "lnk/client", "http://web/")
