"""Outbound listeners of sidecars: who takes a connection, by its address and port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

PORTS = "{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000, targetPort: 8080}"
WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "other", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("other/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("ist/v2", "l5d/echo:v1", 8080),
        *app("bare/plain", "l5d/echo:v1", 8080),
        resource(
            "Service",
            "ist/bytes",
            "{selector: {app: v2}, ports: [{name: tcp, port: 9000, targetPort: 8080}]}",
        ),
        resource("Service", "other/web81", "{selector: {app: x}, ports: [{name: http, port: 81}]}"),
    ],
)


def mesh(text):
    made = resource("ConfigMap", "istio-system/istio")
    return replace(made, data={**made.data, "data": {"mesh": text}})


ONLY = mesh("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")


def entry(hosts, ports, name="ist/e", **more):
    listed = ", ".join(
        f"{{number: {number}, name: {protocol.lower()}-{number}, protocol: {protocol}}}"
        for number, protocol in ports
    )
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("ServiceEntry", name, f"{{hosts: [{hosts}], ports: [{listed}]{rest}}}")


def out(place):
    return {f"left the cluster to {place}": 1}


V1, V2 = {"200 from ist/v1": 1}, {"200 from ist/v2": 1}
RESET, CLOSED = {"connection reset (curl 56)": 1}, {"connection reset (curl 56)": 1}
TCP, HTTP, TLS = [(5432, "TCP")], [(80, "HTTP")], [(443, "TLS")]
BLOCK = "[52.10.0.0/16]"
FIXED = "[{address: 198.51.100.1}]"
STATIC = {"resolution": "STATIC", "endpoints": FIXED}
ELSEWHERE = {"resolution": "STATIC", "endpoints": "[{address: 198.51.100.2}]"}


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        # A network takes what goes there, the narrowest first.
        ([entry("db.acme.com", TCP, addresses=BLOCK)], "tcp://52.10.3.4:5432", out("52.10.3.4:5432")),
        ([entry("db.acme.com", TCP, addresses=BLOCK)], "http://52.10.3.4:5432/", out("52.10.3.4:5432")),
        ([entry("db.acme.com", TCP, addresses=BLOCK)], "tcp://52.11.3.4:5432", RESET),
        ([entry("db.acme.com", TCP, addresses=BLOCK)], "tcp://52.10.3.4:5433", RESET),
        ([entry("db.acme.com", TCP, addresses=BLOCK)], "tcp://db.acme.com:5432", out("db.acme.com:5432")),
        ([entry("db.acme.com", TCP, addresses=BLOCK, **STATIC)], "tcp://52.10.3.4:5432", out("198.51.100.1:5432")),
        (
            [
                entry("a.acme.com", TCP, addresses=BLOCK, **STATIC),
                entry("b.acme.com", TCP, "ist/f", addresses="[52.10.3.0/24]", **ELSEWHERE),
            ],
            "tcp://52.10.3.4:5432",
            out("198.51.100.2:5432"),
        ),
        # An address is the service's own.
        ([entry("a.acme.com", TCP, addresses="[52.9.9.9]", **STATIC)], "tcp://52.9.9.9:5432", out("198.51.100.1:5432")),
        ([entry("a.acme.com", TCP, addresses="[52.9.9.9/32]", **STATIC)], "tcp://a.acme.com:5432", out("198.51.100.1:5432")),
        ([entry("a.acme.com", TCP, addresses="[10.100.7.7]", **STATIC)], "tcp://10.100.7.7:5432", out("198.51.100.1:5432")),
        ([entry("a.acme.com", TCP, addresses="[52.9.9.9]", **STATIC)], "tcp://52.9.9.8:5432", RESET),
        # Of HTTP's ports the Host counts, an address among them.
        ([entry("a.acme.com", HTTP, addresses="[52.9.9.9]", **STATIC)], "http://52.9.9.9/", out("198.51.100.1:80")),
        ([entry("a.acme.com", HTTP, addresses="[52.9.9.9]", **STATIC)], "http://a.acme.com/", out("198.51.100.1:80")),
        ([entry("a.acme.com", HTTP, addresses=BLOCK, **STATIC)], "http://52.10.3.4/", {"502": 1}),
        # Without addresses TCP takes the whole port, whoever is meant; of two the first.
        ([entry("a.acme.com", TCP, **STATIC)], "tcp://b.acme.com:5432", out("198.51.100.1:5432")),
        ([entry("a.acme.com", TCP, **STATIC)], "http://52.1.1.1:5432/", out("198.51.100.1:5432")),
        (
            [entry("z.acme.com", TCP, **STATIC), entry("b.acme.com", TCP, "ist/f", **ELSEWHERE)],
            "tcp://z.acme.com:5432",
            out("198.51.100.2:5432"),
        ),
        ([entry("a.acme.com", [(9000, "TCP")], **STATIC)], "tcp://bytes:9000", {"connected to ist/v2": 1}),
        # Beside HTTP the two are told apart.
        (
            [entry("a.acme.com", [(80, "TCP")], **STATIC)],
            "http://v1/",
            V1,
        ),
        (
            [entry("a.acme.com", [(80, "TCP")], **STATIC)],
            "tcp://52.1.1.1:80",
            out("198.51.100.1:80"),
        ),
        # TLS without addresses goes by names.
        ([entry("a.acme.com", [(8443, "TLS")], **STATIC)], "https://a.acme.com:8443/", out("198.51.100.1:8443")),
        ([entry("a.acme.com", [(8443, "TLS")], **STATIC)], "https://b.acme.com:8443/", {"TLS handshake failed (curl 35)": 1}),
        # A port that the dialled Service doesn't have, and another host has.
        ([], "http://v1:81/", {"502": 1}),
        ([], "http://v1:82/", RESET),
    ],
)  # fmt: skip
def test_addresses_and_ports(objects, url, told_):
    assert told(send(changes.apply(WORLD, [ONLY, *objects]), "ist/client", url)) == told_


BY_HOST = mesh("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}")


@pytest.mark.parametrize(
    ("url", "host", "told_"),
    [
        ("http://52.1.1.1/", "api.acme.com", out("api.acme.com:80")),
        ("http://52.1.1.1:8089/", "api.acme.com:8089", out("api.acme.com:8089")),
        ("http://52.1.1.1/", "plain.bare", {"200 from bare/plain": 1}),
        ("http://52.1.1.1:8089/", "plain.bare", {"200 from bare/plain": 1}),
        ("http://52.1.1.1/", "nobody.invalid", {"503": 1}),
        ("http://52.1.1.1/", "v1", V1),
        ("tcp://52.1.1.1:80", "", out("52.1.1.1:80")),
    ],
)
def test_http_may_go_where_its_host_leads(url, host, told_):
    headers = {"host": host} if host else {}
    assert told(send(changes.apply(WORLD, [BY_HOST]), "ist/client", url, **headers)) == told_


CAPTURE = mesh("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}}}")  # fmt: skip


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        ([entry("db.internal", TCP, **STATIC)], "tcp://db.internal:5432", out("198.51.100.1:5432")),
        ([entry("db.invalid", TCP, **STATIC)], "tcp://db.invalid:5432", out("198.51.100.1:5432")),
        (
            [entry("db.invalid", TCP, **STATIC)],
            "tcp://x.invalid:5432",
            {"could not resolve host (curl 6)": 1},
        ),
        ([entry("db.invalid", TCP)], "tcp://db.invalid:5432", {"could not resolve host (curl 6)": 1}),
        ([entry("db.invalid", TCP, addresses="[52.9.9.9]")], "tcp://db.invalid:5432", out("db.invalid:5432")),
        # Each has its own address: no port is taken as a whole.
        ([entry("db.acme.com", TCP, **STATIC)], "tcp://other.acme.com:5432", RESET),
        (
            [entry("a.acme.com", TCP, **STATIC), entry("b.acme.com", TCP, "ist/f", **ELSEWHERE)],
            "tcp://b.acme.com:5432",
            out("198.51.100.2:5432"),
        ),
    ],
)
def test_proxies_that_answer_dns(objects, url, told_):
    assert told(send(changes.apply(WORLD, [CAPTURE, *objects]), "ist/client", url)) == told_


def test_a_host_on_a_port_that_the_dialled_service_lacks():
    own = resource(
        "Service",
        "ist/both",
        f"{{selector: {{app: v2}}, ports: [{PORTS}, {{name: http2, port: 81, targetPort: 8080}}]}}",
    )
    state = changes.apply(WORLD, [own])
    assert told(send(state, "ist/client", "http://v1:81/", host="both:81")) == V2
    assert told(send(state, "ist/client", "http://v1:82/", host="both:82")) == {"timed out (curl 28)": 1}


@pytest.mark.parametrize(
    ("client", "told_"),
    [("ist/client", out("198.51.100.1:80")), ("other/client", V1)],
)
def test_an_entry_of_the_clients_namespace_comes_before_anothers_service(client, told_):
    service = resource(
        "Service", "other/s", "{selector: {app: v1}, ports: [{name: http, port: 80, targetPort: 8080}]}"
    )
    pods = app("other/v1", "l5d/echo:v1", 8080)
    own = entry("s.other.svc.cluster.local", HTTP, **STATIC)
    state = changes.apply(WORLD, [service, *pods, own])
    told_ = told_ if client == "ist/client" else {"200 from other/v1": 1}
    assert told(send(state, client, "http://s.other/")) == told_


@pytest.mark.parametrize(
    ("ports", "told_"),
    [(", ports: [{name: http, port: 80}]", V2), ("", {"503": 1})],
)
def test_an_external_name_as_a_destination(ports, told_):
    alias = resource(
        "Service", "ist/alias", f"{{type: ExternalName, externalName: v2.ist.svc.cluster.local{ports}}}"
    )
    rules = resource(
        "VirtualService", "ist/v", "{hosts: [v1], http: [{route: [{destination: {host: alias}}]}]}"
    )
    assert told(send(changes.apply(WORLD, [alias, rules]), "ist/client", "http://v1/")) == told_


WILD = "{hosts: ['*.acme.com'], http: [{route: [{destination: {host: v2}}]}]}"


@pytest.mark.parametrize(
    ("objects", "host", "told_"),
    [
        ([], "www.acme.com", V2),
        ([entry("api.acme.com", HTTP)], "www.acme.com", out("www.acme.com:80")),
        ([entry("api.acme.com", HTTP)], "api.acme.com", V2),
        ([entry("api.acme.com", [(81, "HTTP")])], "www.acme.com", V2),
    ],
)
def test_a_wildcard_that_covers_known_hosts_means_no_others(objects, host, told_):
    state = changes.apply(WORLD, [resource("VirtualService", "ist/v", WILD), *objects])
    assert told(send(state, "ist/client", f"http://{host}/")) == told_


def test_hosts_below_a_headless_service():
    headless = "{clusterIP: None, selector: {app: v2}, ports: [{name: http, port: 8080}]}"
    state = changes.apply(WORLD, [resource("Service", "ist/h", headless)])
    (group,) = send(state, "ist/client", "http://h:8080/", host="x.h.ist:8080").groups
    assert group.outcome.hop.mutual
    (group,) = send(state, "ist/client", "http://h:8080/", host="x.y:8080").groups
    assert not group.outcome.hop.mutual


@pytest.mark.parametrize(
    ("url", "told_"),
    [
        ("http://v1:15001/", RESET),
        ("http://52.1.1.1:15006/", {"empty reply (curl 52)": 1}),
        ("http://localhost/", {"connection refused (curl 7)": 1}),
        ("http://127.0.0.1/", {"connection refused (curl 7)": 1}),
    ],
)
def test_ports_and_addresses_of_its_own(url, told_):
    assert told(send(WORLD, "ist/client", url)) == told_


def test_an_application_reaches_itself_past_every_policy():
    deny = resource("AuthorizationPolicy", "ist/none", {}, "security.istio.io/v1")
    assert told(send(changes.apply(WORLD, [deny]), "ist/v1", "http://localhost:8080/")) == V1


@pytest.mark.parametrize(("protocol", "told_"), [("HTTP", V2), ("TCP", {"503": 1})])
def test_a_server_reads_what_an_entry_says_of_its_ports(protocol, told_):
    only_get = resource(
        "AuthorizationPolicy",
        "ist/a",
        "{rules: [{to: [{operation: {methods: [GET]}}]}]}",
        "security.istio.io/v1",
    )
    spec = (
        f"{{hosts: [e.acme.com], ports: [{{number: 8080, name: p, protocol: {protocol}}}], "
        "location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: v2}}}"
    )
    calls = resource("VirtualService", "ist/v", "{hosts: [v1], http: [{route: [{destination: {host: e.acme.com, port: {number: 8080}}}]}]}")  # fmt: skip
    own = changes.remove(
        WORLD, [each for each in WORLD.all("", "Service", "ist") if each.name in ("v2", "bytes")]
    )
    state = changes.apply(own, [resource("ServiceEntry", "ist/e", spec), calls, only_get])
    assert told(send(state, "ist/client", "http://v1/")) == told_


def test_whether_another_name_leads_into_a_network_is_not_modelled():
    state = changes.apply(WORLD, [entry("db.acme.com", TCP, addresses=BLOCK)])
    with pytest.raises(NotModelledError, match=r"spec.addresses"):
        send(state, "ist/client", "tcp://x.acme.com:5432")


PSEUDO = "{{hosts: [v1], http: [{{match: [{{headers: {{'{name}': {{{match}}}}}}}], route: [{{destination: {{host: v2}}}}]}}, {{route: [{{destination: {{host: v1}}}}]}}]}}"


@pytest.mark.parametrize(
    ("name", "match", "url", "method", "told_"),
    [
        (":method", "exact: POST", "http://v1/", "POST", V2),
        (":method", "exact: POST", "http://v1/", "GET", V1),
        (":path", "prefix: /a?b", "http://v1/a?b=c", "GET", V2),
        (":path", "prefix: /a?b", "http://v1/a", "GET", V1),
        (":authority", "exact: v1", "http://v1/", "GET", V2),
        ("host", "exact: v1.ist", "http://v1/", "GET", V1),
        (":scheme", "exact: http", "http://v1/", "GET", V2),
    ],
)
def test_pseudo_headers(name, match, url, method, told_):
    rules = resource("VirtualService", "ist/v", PSEUDO.format(name=name, match=match))
    assert told(send(changes.apply(WORLD, [rules]), "ist/client", url, method)) == told_
