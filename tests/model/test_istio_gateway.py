"""Istio's ingress gateway: servers that share ports, TLS that ends there or not, and the hosts they offer."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.base.resources import Resource
from harness.model import Refused, changes
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told

GATEWAY = "istio-ingressgateway.istio-system"
TLS, RESET, REFUSED = (
    "TLS handshake failed (curl 35)",
    "connection reset (curl 56)",
    "connection refused (curl 7)",
)
NO_CERTIFICATE = "TLS alert: certificate required (curl 56)"
V1, V2, SAFE = "200 from ist/v1", "200 from ist/v2", "200 from ist/safe"


WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "team", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("ist/v2", "l5d/echo:v1", 8080),
        deployment(
            "ist/safe",
            {
                "containers": [
                    {"name": "c", "image": "shop", "ports": [{"name": "https", "containerPort": 8443}]}
                ]
            },
        ),
        resource(
            "Service",
            "ist/safe",
            "{selector: {app: safe}, ports: [{name: https, port: 443, targetPort: 8443}]}",
        ),
        resource("Secret", "istio-system/cert"),
    ],
)


def gateway(*servers, name="ist/g"):
    return resource(
        "Gateway", name, f"{{selector: {{istio: ingressgateway}}, servers: [{', '.join(servers)}]}}"
    )


def server(number, protocol, hosts, tls="", name=""):
    said = f", tls: {{{tls}}}" if tls else ""
    name = name or f"{protocol.lower()}-{number}"
    return f"{{port: {{number: {number}, name: {name}, protocol: {protocol}}}, hosts: [{hosts}]{said}}}"


def bound(kind, *rules, hosts="['*']", name="ist/v", gateways="[g]", more=""):
    return resource(
        "VirtualService",
        name,
        f"{{hosts: {hosts}, gateways: {gateways}, {kind}: [{', '.join(rules)}]{more}}}",
    )


def to(name, match="", port=""):
    said = f"match: [{{{match}}}], " if match else ""
    at = f", port: {{number: {port}}}" if port else ""
    return f"{{{said}route: [{{destination: {{host: {name}{at}}}}}]}}"


def asked(url, *objects, source="bare/client", **headers):
    return send(changes.apply(WORLD, objects), source, url, **headers)


def only(outcomes):
    (group,) = outcomes.groups
    return group


SIMPLE = "mode: SIMPLE, credentialName: cert"
ANY = "'*'"


@pytest.mark.parametrize(
    ("tls", "told_"),
    [
        (SIMPLE, V1),
        ("mode: SIMPLE, credentialName: kubernetes://cert", V1),
        ("mode: SIMPLE, serverCertificate: /c, privateKey: /k", V1),
        ("mode: SIMPLE, credentialNames: [cert]", V1),
        ("mode: OPTIONAL_MUTUAL, credentialName: cert", V1),
        ("mode: MUTUAL, credentialName: cert", NO_CERTIFICATE),
        ("mode: ISTIO_MUTUAL", NO_CERTIFICATE),
        (
            "mode: SIMPLE, credentialName: lost",
            "TLS handshake failed (curl 35): there is no Secret istio-system/lost",
        ),
    ],
)
def test_tls_that_ends_at_the_gateway(tls, told_):
    objects = (gateway(server(443, "HTTPS", ANY, tls)), bound("http", to("v1")))
    assert told(asked(f"https://{GATEWAY}/", *objects)) == {told_: 1}


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("own", "ca.crt: c", NO_CERTIFICATE),
        ("own", "cacert: c", NO_CERTIFICATE),
        ("own-cacert", "cacert: c", NO_CERTIFICATE),
        ("own", "tls.crt: a", "TLS handshake failed (curl 35): Secret istio-system/own has no certificate"),
    ],
)
def test_clients_certificates_need_an_authority(name, content, status):
    parts = {"own": "tls.crt: a, tls.key: b", name: f"tls.crt: a, tls.key: b, {content}"}
    if name == "own":
        parts = {name: f"tls.key: b, {content}"}
    secrets = [
        Resource("v1", "Secret", "istio-system", each, {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": each, "namespace": "istio-system"},
            "stringData": dict(pair.split(": ") for pair in text.split(", ")),
        })
        for each, text in parts.items()
    ]  # fmt: skip
    tls = "mode: MUTUAL, credentialName: own"
    objects = (*secrets, gateway(server(443, "HTTPS", ANY, tls)), bound("http", to("v1")))
    (seen,) = told(asked(f"https://{GATEWAY}/", *objects))
    assert seen.startswith(status)


def test_behind_the_gateway_the_request_is_plain_http_inside_of_mutual_tls():
    objects = (gateway(server(443, "HTTPS", ANY, SIMPLE)), bound("http", to("v1", "scheme: {exact: https}")))
    outcome = only(asked(f"https://{GATEWAY}/a", *objects)).outcome
    assert outcome.hop.mutual
    assert outcome.server_saw.header("x-forwarded-proto") == "https"


@pytest.mark.parametrize("source", ["bare/client", "ist/client"])
@pytest.mark.parametrize(
    ("objects", "url", "host", "told_"),
    [
        # The SNI picks the server, the Host header then the virtual host among that server's own.
        (
            [gateway(server(443, "HTTPS", GATEWAY, SIMPLE)), bound("http", to("v1"))],
            f"https://{GATEWAY}/",
            GATEWAY,
            V1,
        ),
        (
            [gateway(server(443, "HTTPS", "'*.istio-system'", SIMPLE)), bound("http", to("v1"))],
            f"https://{GATEWAY}/",
            GATEWAY,
            V1,
        ),
        (
            [gateway(server(443, "HTTPS", "shop.test", SIMPLE)), bound("http", to("v1"))],
            f"https://{GATEWAY}/",
            "shop.test",
            TLS,
        ),
        (
            [
                gateway(
                    server(443, "HTTPS", GATEWAY, SIMPLE, name="a"),
                    server(443, "HTTPS", "shop.test", SIMPLE, name="b"),
                ),
                bound("http", to("v1"), hosts="[shop.test]"),
            ],
            f"https://{GATEWAY}/",
            "shop.test",
            "404",
        ),
        (
            [
                gateway(server(443, "HTTPS", ANY, SIMPLE)),
                gateway(server(443, "HTTPS", GATEWAY, SIMPLE), name="ist/h"),
                bound("http", to("v1")),
                bound("http", to("v2"), name="ist/w", gateways="[h]"),
            ],
            f"https://{GATEWAY}/",
            GATEWAY,
            V2,
        ),
    ],
)
def test_the_server_is_chosen_by_sni(source, objects, url, host, told_):
    assert told(asked(url, *objects, source=source, Host=host)) == {told_: 1}


@pytest.mark.parametrize(
    ("objects", "told_"),
    [
        ([gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("tls", to("safe", "sniHosts: ['*']"))], SAFE),
        ([gateway(server(443, "HTTPS", ANY, "mode: PASSTHROUGH")), bound("tls", to("safe", "sniHosts: ['*']"))], SAFE),
        # Without a mode TLS is passed through.
        ([gateway(server(443, "TLS", ANY, "credentialName: cert")), bound("tls", to("safe", "sniHosts: ['*']"))], SAFE),
        (
            [
                gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")),
                bound("tls", to("v1", "sniHosts: ['*']"), to("safe", f"sniHosts: [{GATEWAY}]")),
            ],
            SAFE,
        ),
        ([gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("tls", to("v1", "sniHosts: ['*']", 80))], TLS),
        ([gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("tls", to("safe", "sniHosts: [x.test]"))], TLS),
        ([gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("http", to("v1"))], REFUSED),
        ([gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("tcp", to("safe"))], REFUSED),
        (
            [gateway(server(443, "TLS", ANY, "mode: PASSTHROUGH")), bound("tls", to("safe", "port: 80, sniHosts: ['*']"))],
            REFUSED,
        ),
        # TLS that isn't HTTPS ends here, and what was in it goes on as bytes.
        ([gateway(server(443, "TLS", ANY, SIMPLE)), bound("tcp", to("v1", port=80))], V1),
        ([gateway(server(443, "TLS", ANY, SIMPLE)), bound("tls", to("v1", "sniHosts: ['*']", 80))], REFUSED),
        # It is the rule's names that count, not the server's hosts.
        ([gateway(server(443, "TLS", "shop.test", "mode: PASSTHROUGH")), bound("tls", to("safe", "sniHosts: ['*']"))], SAFE),
        # Servers that send bytes on take nothing without a rule for it: another server may.
        ([gateway(server(443, "HTTPS", ANY, SIMPLE), server(443, "TLS", GATEWAY, "mode: PASSTHROUGH", "t")), bound("http", to("v1"))], V1),
        ([gateway(server(443, "HTTPS", ANY, SIMPLE), server(443, "TLS", GATEWAY, SIMPLE, "t")), bound("http", to("v1"))], V1),
        (
            [
                gateway(server(443, "HTTPS", ANY, SIMPLE), server(443, "TLS", GATEWAY, "mode: PASSTHROUGH", "t")),
                bound("http", to("v1")),
                bound("tls", to("safe", f"sniHosts: [{GATEWAY}]"), name="ist/w"),
            ],
            SAFE,
        ),
        (
            [
                gateway(server(443, "HTTPS", ANY, SIMPLE), server(443, "TLS", GATEWAY, "mode: PASSTHROUGH", "t")),
                bound("http", to("v1")),
                bound("tls", to("safe", "sniHosts: [x.test]"), name="ist/w"),
            ],
            V1,
        ),
        # A VirtualService without a rule for HTTP speaks for no host.
        ([gateway(server(443, "HTTPS", ANY, SIMPLE)), bound("http", to("v1")), bound("tls", to("safe", f"sniHosts: [{GATEWAY}]"), hosts=f"[{GATEWAY}]", name="ist/w")], V1),
        ([gateway(server(443, "HTTPS", ANY, SIMPLE)), bound("http", to("v1")), bound("http", to("v2", "port: 80"), hosts=f"[{GATEWAY}]", name="ist/w")], V1),
    ],
)  # fmt: skip
def test_tls_that_is_passed_on(objects, told_):
    assert told(asked(f"https://{GATEWAY}/", *objects)) == {told_: 1}


@pytest.mark.parametrize(
    ("url", "objects", "told_"),
    [
        ("tcp", [gateway(server(443, "TCP", ANY)), bound("tcp", to("safe"))], "connected to ist/safe"),
        # The server's port says HTTP: its sidecar reads nothing else.
        ("tcp", [gateway(server(443, "TCP", ANY)), bound("tcp", to("v1", port=80))], "empty reply (curl 52)"),
        ("http", [gateway(server(443, "TCP", ANY)), bound("tcp", to("v1", port=80))], V1),
        ("https", [gateway(server(443, "TCP", ANY)), bound("tcp", to("safe"))], SAFE),
        ("tcp", [gateway(server(443, "TCP", ANY)), bound("tcp", to("v1", "port: 444", 80))], REFUSED),
        ("tcp", [gateway(server(443, "TCP", ANY)), bound("http", to("v1"))], REFUSED),
        (
            "tcp",
            [gateway(server(443, "TCP", "a.test")), bound("tcp", to("v1", port=80), hosts="[b.test]")],
            REFUSED,
        ),
        # What a server doesn't speak it closes.
        ("http", [gateway(server(443, "HTTPS", ANY, SIMPLE)), bound("http", to("v1"))], RESET),
        ("https", [gateway(server(443, "HTTP", ANY)), bound("http", to("v1"))], TLS),
        ("tcp", [gateway(server(443, "HTTP", ANY)), bound("http", to("v1"))], "empty reply (curl 52)"),
        ("http", [gateway(server(80, "HTTP", ANY)), bound("http", to("v1"))], REFUSED),
    ],
)
def test_bytes(url, objects, told_):
    assert told(asked(f"{url}://{GATEWAY}:443", *objects)) == {told_: 1}


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        # HTTP with HTTP is merged, whichever flavour; all else that would share a port is left out.
        (
            [
                gateway(server(80, "HTTP", "a.test")),
                gateway(server(80, "GRPC", "b.test"), name="ist/h"),
                bound("http", to("v1"), hosts="[b.test]", gateways="[h]"),
            ],
            f"http://{GATEWAY}/",
            V1,
        ),
        (
            [
                gateway(server(80, "HTTP", "a.test"), name="ist/a"),
                gateway(server(80, "TCP", ANY), name="ist/b"),
                bound("tcp", to("v1"), gateways="[b]"),
            ],
            f"http://{GATEWAY}/",
            "404",
        ),
        (
            [
                gateway(server(443, "HTTP", "a.test"), name="ist/a"),
                gateway(server(443, "HTTPS", ANY, SIMPLE), name="ist/b"),
                bound("http", to("v1"), gateways="[b]"),
            ],
            f"https://{GATEWAY}/",
            TLS,
        ),
        (
            [
                gateway(server(443, "HTTPS", "b.test", SIMPLE), name="ist/a"),
                gateway(server(443, "HTTPS", "b.test, '*'", SIMPLE), name="ist/b"),
                bound("http", to("v1"), gateways="[b]"),
            ],
            f"https://{GATEWAY}/",
            TLS,
        ),
    ],
)
def test_servers_on_one_port(objects, url, told_):
    assert told(asked(url, *objects, Host="b.test")) == {told_: 1}


def test_a_server_that_is_left_out_is_told():
    first, second = (
        gateway(server(80, "HTTP", "a.test"), name="ist/a"),
        gateway(server(80, "TCP", ANY), name="ist/b"),
    )
    lost = [
        (one.subject, one.field)
        for one in only(asked(f"http://{GATEWAY}/", first, second)).trace
        if one.passed_over
    ]
    assert ("Gateway ist/b", "spec.servers[0]") in lost


REDIRECT = server(80, "HTTP", "a.test, '*.b.test'", "httpsRedirect: true")


@pytest.mark.parametrize(
    ("objects", "host", "told_", "location"),
    [
        ([gateway(REDIRECT)], "a.test", "301", "https://a.test/x?q=1"),
        ([gateway(REDIRECT)], "c.b.test", "301", "https://c.b.test/x?q=1"),
        ([gateway(REDIRECT)], "c.test", "404", None),
        (
            [gateway(REDIRECT), bound("http", to("v1"), hosts="[a.test]")],
            "a.test",
            "301",
            "https://a.test/x?q=1",
        ),
        # A nearer host of a server that doesn't redirect.
        (
            [
                gateway(REDIRECT),
                gateway(server(80, "HTTP", "c.b.test"), name="ist/h"),
                bound("http", to("v1"), gateways="[h]"),
            ],
            "c.b.test",
            V1,
            None,
        ),
    ],
)
def test_redirect_to_https(objects, host, told_, location):
    outcomes = asked(f"http://{GATEWAY}/x?q=1", *objects, Host=host)
    assert (told(outcomes), only(outcomes).outcome.header("location")) == ({told_: 1}, location)


@pytest.mark.parametrize(
    ("hosts", "namespace", "fits"),
    [
        ("'*/a.test'", "team", True),
        ("./a.test", "team", False),
        ("./a.test", "ist", True),
        ("team/a.test", "team", True),
        ("team/*", "team", True),
        ("team/*", "ist", False),
        ("'*/*'", "team", True),
        ("A.test", "ist", True),
    ],
)
def test_hosts_of_namespaces(hosts, namespace, fits):
    objects = (
        gateway(server(80, "HTTP", hosts)),
        bound(
            "http",
            to("v1.ist.svc.cluster.local"),
            hosts="[a.test]",
            name=f"{namespace}/v",
            gateways="[ist/g]",
        ),
    )
    assert told(asked(f"http://{GATEWAY}/", *objects, Host="a.test")) == {V1 if fits else "404": 1}


@pytest.mark.parametrize(
    ("objects", "told_"),
    [
        # Rules that take everything come last, whichever VirtualService is older.
        (
            [
                bound("http", to("v1"), hosts="[a.test]", name="ist/a"),
                bound("http", to("v2", "uri: {prefix: /x}"), hosts="[a.test]", name="ist/b"),
            ],
            V2,
        ),
        # What is exported to the gateway's namespace by name comes before what is exported to all.
        (
            [
                bound("http", to("v1", "uri: {prefix: /}, method: {exact: GET}"), hosts="[a.test]", name="ist/a"),
                bound(
                    "http",
                    to("v2", "uri: {prefix: /}, method: {exact: GET}"),
                    hosts="[a.test]",
                    name="ist/b",
                    more=", exportTo: [istio-system]",
                ),
            ],
            V2,
        ),
        ([bound("http", to("v1"), hosts="[a.test]", more=", exportTo: ['.']")], "404"),
        ([bound("http", to("v1", "gateways: [other]"), hosts="[a.test]")], "404"),
        ([bound("http", to("v1", "port: 80"), hosts="[a.test]")], V1),
        ([bound("http", to("v1", "port: 8080"), hosts="[a.test]")], "404"),
        (
            [
                bound("http", "{delegate: {name: leaf}}", hosts="[a.test]"),
                resource("VirtualService", "ist/leaf", f"{{http: [{to('v2')}]}}"),
            ],
            V2,
        ),
    ],
)  # fmt: skip
def test_virtual_services(objects, told_):
    objects = [gateway(server(80, "HTTP", ANY)), *objects]
    assert told(asked(f"http://{GATEWAY}/x", *objects, Host="a.test")) == {told_: 1}


def test_policies_at_the_gateway():
    deny = resource(
        "AuthorizationPolicy",
        "istio-system/p",
        "{selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{to: [{operation: {hosts: [a.test]}}]}]}",
        "security.istio.io/v1",
    )
    objects = (gateway(server(80, "HTTP", ANY), server(443, "TCP", ANY)), bound("http", to("v1")), deny)
    assert told(asked(f"http://{GATEWAY}/", *objects, Host="a.test")) == {"403": 1}
    assert told(asked(f"http://{GATEWAY}/", *objects, Host="b.test")) == {V1: 1}


def test_other_clusters_servers_close_what_no_proxy_of_the_mesh_sends():
    east_west = gateway(server(443, "TLS", "'*.local'", "mode: AUTO_PASSTHROUGH"))
    assert told(asked(f"https://{GATEWAY}/", east_west)) == {TLS: 1}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{selector: {}}", "gateway must have at least one server"),
        (f"{{servers: [{server(80, 'HTTP', '')}]}}", "server config must contain at least one host"),
        (f"{{servers: [{server(80, 'QUIC', 'a.b')}]}}", 'invalid protocol "QUIC"'),
        (f"{{servers: [{server(443, 'HTTPS', 'a.b')}]}}", "server must have TLS settings for HTTPS/TLS protocols"),
        (f"{{servers: [{server(80, 'HTTP', 'a.b', SIMPLE)}]}}", "server cannot have TLS settings for plain text HTTP"),
        (f"{{servers: [{server(80, 'TCP', 'a.b', SIMPLE)}]}}", "server cannot have TLS settings for non HTTPS/TLS"),
        (f"{{servers: [{server(443, 'HTTPS', 'a.b', 'mode: SIMPLE')}]}}", "SIMPLE TLS requires a server certificate"),
        (f"{{servers: [{server(443, 'TLS', 'a.b', 'mode: MUTUAL')}]}}", "MUTUAL TLS requires a client CA bundle"),
        (f"{{servers: [{server(443, 'TLS', 'a.b', 'mode: ISTIO_MUTUAL, credentialName: c')}]}}",
         "ISTIO_MUTUAL TLS cannot have associated credentialName"),
        (f"{{servers: [{server(80, 'HTTP', 'a.b', name='x')}, {server(81, 'HTTP', 'a.b', name='x')}]}}",
         "port names in servers must be unique: duplicate name x"),
    ],
)  # fmt: skip
def test_refused(spec, words):
    with pytest.raises(Refused) as refused:
        changes.apply(WORLD, [resource("Gateway", "ist/g", spec)])
    assert words in refused.value.what


def test_a_gateway_that_leads_back_to_itself_is_undecided():
    round_and_round = bound("http", to(f"{GATEWAY}.svc.cluster.local", "uri: {prefix: /}", "80"))
    with pytest.raises(NotModelledError, match="istio-ingressgateway without end"):
        asked(f"http://{GATEWAY}/", gateway(server(80, "HTTP", "'*'")), round_and_round)
