import pytest

from harness.base.errors import HarnessError, WitnessError
from harness.base.vocabulary import Mesh
from harness.cluster.probing.attribution import UNMESHED, Shown, agreed, by_headers, confirmed
from harness.cluster.probing.counters import Sample, growth, samples
from harness.meshes import istio_tls
from harness.meshes.linkerd import Linkerd
from harness.traffic.outcomes import Hop, ServerSaw

ISTIO, LINKERD = Mesh.ISTIO, Mesh.LINKERD
SPIFFE, DNS = (
    "spiffe://cluster.local/ns/shop/sa/client",
    "client.shop.serviceaccount.identity.linkerd.cluster.local",
)
XFCC = f'By=spiffe://cluster.local/ns/shop/sa/web;Hash=a13c;Subject="";URI={SPIFFE}'
HTTP = ("X-Forwarded-Proto", "http")
linkerd = Linkerd.__new__(Linkerd)


def saw(*headers):
    return ServerSaw("/", "web", headers)


@pytest.mark.parametrize(
    ("name", "headers", "hop"),
    [
        ("mutual", [HTTP, ("X-Forwarded-Client-Cert", XFCC)], (True, SPIFFE)),
        ("the last hop's element counts", [HTTP, ("X-Forwarded-Client-Cert", f"URI=spiffe://other,{XFCC}")], (True, SPIFFE)),
        ("mutual without a name", [HTTP, ("X-Forwarded-Client-Cert", "Hash=a13c")], (True, None)),
        ("plaintext", [HTTP], (False, None)),
        ("not handled as HTTP by the server's proxy", [HTTP, ("X-Envoy-Decorator-Operation", "web:80/*")], None),
        ("no proxy handled it as HTTP", [], None),
        ("forged past a proxy that doesn't speak HTTP", [("X-Forwarded-Client-Cert", XFCC)], None),
    ],
)  # fmt: skip
def test_istio_headers(name, headers, hop):
    found = istio_tls.identity(saw(*headers))
    assert (found and (found.mutual, found.client)) == hop


@pytest.mark.parametrize(("headers", "hop"), [([("l5d-client-id", DNS)], (True, DNS)), ([], (False, None))])
def test_linkerd_headers(headers, hop):
    found = linkerd.identity(saw(*headers))
    assert (found.mutual, found.client) == hop


def envoy(port="inbound_0.0.0.0_8080", **values):
    metrics = {
        name: values.get(name, 0)
        for name in ("rq_total", "cx_total", "cx_active", "cx_ssl_total", "cx_ssl_active")
    }
    return "".join(
        f'envoy_http_downstream_{name}{{http_conn_manager_prefix="{port}"}} {value}\n' for name, value in metrics.items()
    )  # fmt: skip


NONE = envoy()


@pytest.mark.parametrize(
    ("name", "before", "after", "requests", "mutual"),
    [
        ("new TLS connections", NONE, envoy(rq_total=20, cx_total=9, cx_ssl_total=9, cx_active=9, cx_ssl_active=9), 20, True),
        ("pooled TLS connections", envoy(cx_active=9, cx_ssl_active=9), envoy(rq_total=20, cx_active=9, cx_ssl_active=9), 20, True),
        ("new plaintext connections", NONE, envoy(rq_total=20, cx_total=9), 20, False),
        ("some of each", NONE, envoy(rq_total=20, cx_total=9, cx_ssl_total=8), 20, None),
        ("an idle TLS connection beside plaintext", envoy(cx_active=1, cx_ssl_active=1), envoy(rq_total=20, cx_total=9), 20, None),
        ("fewer requests than answers", NONE, envoy(rq_total=19, cx_total=9, cx_ssl_total=9), 20, None),
        ("nothing came", NONE, NONE, 1, None),
        ("another kind of port", NONE, envoy("admin", rq_total=20, cx_total=9), 20, None),
        ("TLS isn't counted", "", 'envoy_http_downstream_rq_total{http_conn_manager_prefix="inbound_0.0.0.0_80"} 20\n', 20, None),
        ("a restarted proxy counts from 0", envoy(rq_total=99, cx_total=99, cx_ssl_total=99), envoy(rq_total=20, cx_total=9, cx_ssl_total=9), 20, True),
    ],
)  # fmt: skip
def test_istio_counters(name, before, after, requests, mutual):
    found = istio_tls.witness(before, after, requests)
    assert (found and found.mutual) is mutual


def requests(number, tls="true", client=DNS, direction="inbound"):
    return f'request_total{{direction="{direction}",target_addr="10.0.0.1:8080",tls="{tls}",client_id="{client}"}} {number}\n'


@pytest.mark.parametrize(
    ("name", "before", "after", "n", "hop"),
    [
        ("mutual", "", requests(20), 20, (True, DNS)),
        ("grown", requests(100), requests(120), 20, (True, DNS)),
        ("plaintext", "", requests(20, tls="no_identity", client=""), 20, (False, None)),
        (
            "a kubelet probes meanwhile",
            "",
            requests(20) + requests(3, tls="no_identity", client=""),
            20,
            (True, DNS),
        ),
        ("two clients that fit", "", requests(20) + requests(20, client="other"), 20, (True, None)),
        ("another client beside", "", requests(20) + requests(9, client="other"), 20, (True, DNS)),
        ("fewer than were sent", "", requests(19), 20, None),
        ("mutual and plaintext", "", requests(20) + requests(20, tls="no_identity", client=""), 20, None),
        ("outbound", "", requests(20, direction="outbound"), 20, None),
        ("not grown", requests(20), requests(20), 20, None),
    ],
)
def test_linkerd_counters(name, before, after, n, hop):
    found = linkerd.witness(before, after, n)
    assert (found and (found.mutual, found.client)) == hop


PLANES = {ISTIO: type("Istio", (), {"identity": staticmethod(istio_tls.identity)}), LINKERD: linkerd}


@pytest.mark.parametrize(
    ("name", "headers", "server", "hop"),
    [
        ("own mesh: mutual", [HTTP, ("x-forwarded-client-cert", XFCC)], {ISTIO}, (True, ISTIO)),
        ("a forged l5d-client-id at an Istio server", [HTTP, ("l5d-client-id", DNS)], {ISTIO}, (False, None)),
        (
            "a forged certificate at a Linkerd server",
            [("x-forwarded-client-cert", XFCC)],
            {LINKERD},
            (False, None),
        ),
        (
            "forged both, no proxy",
            [("x-forwarded-client-cert", XFCC), ("l5d-client-id", DNS)],
            set(),
            (False, None),
        ),
        ("both proxies", [HTTP], {ISTIO, LINKERD}, None),
    ],
)
def test_only_the_servers_own_mesh_is_believed(name, headers, server, hop):
    found = by_headers(saw(*headers), frozenset(server), PLANES)
    assert (found and (found.mutual, found.mesh)) == hop


def test_unknown_or_silent_servers_show_nothing():
    assert by_headers(saw(HTTP), None, PLANES) is None
    assert by_headers(None, frozenset({ISTIO}), PLANES) is None
    assert by_headers(None, frozenset(), PLANES) == UNMESHED


HEADER = Hop(True, ISTIO, SPIFFE, ("header",))


@pytest.mark.parametrize(
    ("name", "hops", "result"),
    [
        ("none", [None, None], None),
        ("one", [HEADER, None], HEADER),
        (
            "two",
            [HEADER, Hop(True, ISTIO, None, ("counter",))],
            Hop(True, ISTIO, SPIFFE, ("header", "counter")),
        ),
    ],
)
def test_witnesses_that_agree(name, hops, result):
    assert agreed(hops, "x") == result


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("plaintext", Hop(False, witnesses=("counter",))),
        ("another mesh", Hop(True, LINKERD, None, ("counter",))),
        ("another client", Hop(True, ISTIO, "spiffe://other", ("counter",))),
    ],
)
def test_witnesses_that_disagree(name, other):
    with pytest.raises(HarnessError, match="disagree") as caught:
        agreed([HEADER, other], "shop/client GET http://web/")
    assert caught.value.why == f"header: {HEADER}; counter: {other}"


TRUTH = "spiffe://cluster.local/ns/shop/sa/server"
AT = "Pod shop/web-1, port 8080"
NO_TLS = Shown(AT, plaintext=True)
PERMISSIVE = Shown(AT, (TRUTH,), asks=True, plaintext=True)
STRICT = Shown(AT, (TRUTH,), asks=True, plaintext=False)
TO_TRUTH = Hop(True, ISTIO, SPIFFE, ("header",), TRUTH)
PLAIN_HEADER = Hop(False, witnesses=("no header",))


@pytest.mark.parametrize(
    ("name", "hop", "shown", "server", "way", "witnesses"),
    [
        ("no proxy, no certificate", UNMESHED, NO_TLS, None, False, 2),
        ("alone: no certificate", None, NO_TLS, ISTIO, False, 1),
        ("alone: nothing but mutual TLS gets in", None, STRICT, ISTIO, True, 1),
        ("alone: both ways are open", None, PERMISSIVE, ISTIO, None, 0),
        ("mutual, and nothing else gets in", TO_TRUTH, STRICT, ISTIO, True, 2),
        ("mutual, and plaintext would get in", HEADER, PERMISSIVE, ISTIO, True, 2),
        ("mutual to whom the header names", TO_TRUTH, PERMISSIVE, ISTIO, True, 2),
        ("plaintext to a port that takes both", PLAIN_HEADER, PERMISSIVE, ISTIO, False, 1),
        ("a certificate of the application's own", UNMESHED, Shown(AT, ("web.example",), plaintext=False), None, False, 1),
        ("silence", HEADER, Shown(AT, plaintext=None), ISTIO, True, 1),
        ("Linkerd's identity", Hop(True, LINKERD, DNS, ("header",)), Shown(AT, (DNS,), asks=True, plaintext=True), LINKERD, True, 2),
    ],
)  # fmt: skip
def test_what_the_wire_adds(name, hop, shown, server, way, witnesses):
    found = confirmed(hop, shown, server, "x")
    assert (found and found.mutual) is way
    assert len(found.witnesses if found else ()) == witnesses
    if way and shown.identity(server):
        assert found.server == shown.identity(server)


@pytest.mark.parametrize(
    ("name", "hop", "shown", "server"),
    [
        ("mutual, where there is no certificate", HEADER, NO_TLS, ISTIO),
        ("plaintext, where plaintext is refused", PLAIN_HEADER, STRICT, ISTIO),
        ("another server than the header names", Hop(True, ISTIO, SPIFFE, ("header",), "spiffe://x"), PERMISSIVE, ISTIO),
        ("another server, strictly", Hop(True, ISTIO, SPIFFE, ("header",), "spiffe://x"), STRICT, ISTIO),
    ],
)  # fmt: skip
def test_what_the_wire_contradicts(name, hop, shown, server):
    with pytest.raises(WitnessError, match="disagree") as caught:
        confirmed(hop, shown, server, "shop/client GET http://web/")
    assert AT in str(caught.value)
    assert "header" in str(caught.value)


def test_metrics():
    text = '# TYPE a counter\na{x="1",y="q\\"}"} 3\na 1.5e+2\nb{} 7\nab 9\n'
    assert list(samples(text, "a", "b")) == [
        Sample("a", (("x", "1"), ("y", 'q\\"}')), 3.0),
        Sample("a", (), 150.0),
        Sample("b", (), 7.0),
    ]
    assert [one.value for one in growth("a 100\n", text, "a")] == [3.0, 50.0]
