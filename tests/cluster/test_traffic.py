"""What a cluster's own answers say: of names, bare connections, counters, and gateways seen from outside."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness.base.errors import HarnessError
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.streams import NOT_RUN, Finished
from harness.cluster.api.waiting import Deadline
from harness.cluster.probing import counters, curl, ingress, services
from harness.cluster.probing import positive_control as control
from harness.cluster.probing.answers import CurlAnswer
from harness.cluster.probing.counters import arrived
from harness.cluster.probing.curl import Curl
from harness.cluster.probing.ingress import Door
from harness.traffic.outcomes import Failure
from harness.traffic.request import HOST, Request
from tests.cluster.fakes import FakeClient, pod

WEB = Workload("shop", "web")
SENDER = Curl("client-1", "app", (8, 7))
LATER = Deadline(3600)


def service(name="web", **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }


CLUSTER_IP = service(clusterIP="10.96.0.7", selector={"app": "web"})
HEADLESS = service("heads", clusterIP="None", selector={"app": "web"})
POD = pod()
POD["status"]["podIP"] = "10.244.0.9"

# name: (what getent prints, its exit code, the name, Service, outside)
NAMES = {
    "a Service": ("10.96.0.7  STREAM web\n10.96.0.7  DGRAM\n", 0, "web", "shop/web", False),
    "a headless Service": ("10.244.0.9 STREAM heads.shop\n", 0, "heads", "shop/heads", False),
    "a headless Service by another name": ("10.244.0.9 STREAM x\n", 0, "x.shop", None, False),
    "outside": ("198.51.100.7 STREAM a.example\n", 0, "a.example", None, True),
    "nothing": ("", 2, "nowhere", None, False),
}


@pytest.mark.parametrize("case", NAMES)
def test_names(monkeypatch, case):
    printed, code, name, found, outside = NAMES[case]

    def execute(_, namespace, pod_name, container, argv, deadline):
        assert (namespace, pod_name, container, argv) == (
            "shop",
            "client-1",
            "app",
            ["getent", "ahosts", name],
        )
        return Finished(code, printed, "")

    monkeypatch.setattr(services, "execute", execute)
    got = services.resolve(FakeClient(CLUSTER_IP, HEADLESS, POD), "shop", SENDER, name, LATER)
    assert (got.service and str(got.service), got.outside) == (found, outside)
    assert len(got.addresses) == (code == 0)


def test_a_container_without_getent(monkeypatch):
    monkeypatch.setattr(services, "execute", lambda *_: Finished(NOT_RUN, "", "no such file"))
    with pytest.raises(HarnessError, match="there is no getent"):
        services.resolve(FakeClient(), "shop", SENDER, "web", LATER)


def answer(code=0, seconds=0.1, body="", error=""):
    return CurlAnswer(code, 0, seconds, error, (), body)


@pytest.mark.parametrize(
    ("came", "failure", "connected", "detail"),
    [
        (answer(28, body="HTTP/1.1 400 Bad Request\r\n"), None, True, ""),
        (answer(body="-ERR unknown command\r\n"), None, True, ""),
        (answer(28), None, True, curl.SILENT),
        (answer(28, seconds=0, error="Connection timed out"), Failure.TIMEOUT, False, "Connection timed out (curl 28)"),
        (answer(28, seconds=0, error="Resolving timed out"), Failure.RESOLVE, False, "Resolving timed out (curl 28)"),
        (answer(), Failure.EMPTY_REPLY, False, "connected, then closed without a word"),
        (answer(56), Failure.RESET, False, "failed (curl 56)"),
        (answer(7, error="refused"), Failure.REFUSED, False, "refused (curl 7)"),
        (answer(body="HTTP/1.1 400 Bad Request\r\nServer: istio-envoy\r\n"), Failure.EMPTY_REPLY, False, "a proxy refuses what isn't HTTP"),
    ],
)  # fmt: skip
def test_bare_connections(came, failure, connected, detail):
    found = curl.connected(came)
    assert (found.failure, found.connected, found.detail) == (failure, connected, detail)


def test_a_bare_connection_has_a_control_too(monkeypatch):
    def exchange(_, namespace, name, port, message, enough, deadline):
        assert (port, message) == (8080, b"harness\r\n")
        assert enough(b"-")
        assert not enough(b"")
        return b"-ERR unknown\r\n"

    monkeypatch.setattr(control, "exchange", exchange)
    ports = {"ports": [{"port": 80, "targetPort": 8080}]}
    world = FakeClient(pod(), service(selector={"app": "web"}, **ports))
    told = control.control(world, Request(WEB, "tcp://web:80"), 1.0)
    assert told.endswith("answers on port 8080: -ERR unknown")


ENVOY = 'envoy_http_downstream_rq_total{{http_conn_manager_prefix="{}"}} {}\n'
LINKERD = 'request_total{{direction="{}",target_addr="10.244.0.9:8080",tls="true"}} {}\n'
OWN = 'request_total{{direction="inbound",target_addr="0.0.0.0:4191",tls="no_identity"}} {}\n'


def envoy(inward, outward=0):
    return ENVOY.format("inbound_0.0.0.0_8080", inward) + ENVOY.format("outbound_0.0.0.0_80", outward)


@pytest.mark.parametrize(
    ("mesh", "before", "after", "number"),
    [
        (Mesh.ISTIO, envoy(5), envoy(8, 100), 3),
        (Mesh.ISTIO, "", envoy(0), 0),
        (Mesh.ISTIO, "", "envoy_server_uptime 5\n", None),
        (Mesh.LINKERD, LINKERD.format("inbound", 5), LINKERD.format("inbound", 8) + LINKERD.format("outbound", 9) + OWN.format(4), 3),
        (Mesh.LINKERD, "", "process_start_time_seconds 1\n", 0),
    ],
)  # fmt: skip
def test_what_proxies_count(mesh, before, after, number):
    assert arrived(mesh, before, after) == number


class Counting(FakeClient):
    """A cluster whose proxy shows one number after another."""

    def __init__(self, *objects, numbers):
        super().__init__(*objects)
        self.numbers = list(numbers)

    def text(self, method, path, **rest):
        if "/proxy/" in path:
            return envoy(self.numbers.pop(0))
        return super().text(method, path, **rest)


class Plane:
    mesh = Mesh.ISTIO
    counters = type("Scrape", (), {"port": 15090, "path": "stats/prometheus"})


def test_copies_that_come_late_are_counted(monkeypatch):
    monkeypatch.setattr(counters.time, "sleep", lambda _: None)
    world = Counting(pod(native="istio-proxy"), numbers=(2, 4, 7, 7))
    planes = {Mesh.ISTIO: Plane()}
    before = counters.at(world, planes, WEB)
    assert counters.settled(world, planes, WEB, before, LATER) == 5
    assert world.numbers == []


@pytest.mark.parametrize(
    ("there", "why"), [((pod(),), "no counters of a mesh's proxy in web-"), ((), "no running pod")]
)
def test_what_nobody_counts(there, why):
    with pytest.raises(HarnessError, match=why):
        counters.at(FakeClient(*there), {}, WEB)


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "one"},
    "status": {
        "addresses": [{"type": "Hostname", "address": "one"}, {"type": "InternalIP", "address": "172.18.0.2"}]
    },
}
PORTS = {"ports": [{"port": 80, "nodePort": 30080}, {"port": 443}]}


@pytest.mark.parametrize(
    ("balancers", "port", "reaches", "found"),
    [
        ([], 80, "172.18.0.2", "172.18.0.2:30080"),
        ([{"ip": "203.0.113.9"}], 80, "203.0.113.9", "203.0.113.9:80"),
        ([{"ip": "203.0.113.9"}], 80, "172.18.0.2", "172.18.0.2:30080"),
        ([{"hostname": "lb.example"}], 443, "lb.example", "lb.example:443"),
        ([], 8080, "", "None"),
    ],
)
def test_doors(monkeypatch, balancers, port, reaches, found):
    monkeypatch.setattr(ingress, "reachable", lambda one: one.address == reaches)
    door = service("door", **PORTS) | {"status": {"loadBalancer": {"ingress": balancers}}}
    assert str(ingress.door(FakeClient(door, NODE), Workload("shop", "door"), port)) == found


@pytest.mark.parametrize(
    ("objects", "port", "words"),
    [
        ((), 80, "there is no Service shop/door"),
        ((service("door", **PORTS), NODE), 80, r"no answer at 172.18.0.2:30080"),
        ((service("door", **PORTS), NODE), 443, "no load balancer's address and no nodePort"),
    ],
)
def test_doors_that_cant_be_reached(monkeypatch, objects, port, words):
    monkeypatch.setattr(ingress, "reachable", lambda one: False)
    with pytest.raises(HarnessError, match=words):
        ingress.door(FakeClient(*objects), Workload("shop", "door"), port)


@pytest.fixture
def gateway():
    """Returns the address of a server that tells what it was asked for; /gone ends without an answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/gone":
                return
            self.send_response(302)
            self.send_header("location", f"http://{self.headers['host']}{self.path}")
            self.send_header("x-seen", self.headers.get("x-sent", ""))
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Door("127.0.0.1", server.server_port)
    server.shutdown()
    server.server_close()


def asked(door, url, count=1, **says):
    request = Request(HOST, url, through=Workload("shop", "door"), **says)
    return ingress.ask(door, request, count, parallel=3, seconds=5)


def test_requests_from_this_machine(gateway):
    got = asked(gateway, "http://a.example:80/x//../y?z=1", 7, headers=(("x-sent", "me"),))
    assert len(got) == 7
    assert {one.status for one in got} == {302}
    headers = dict(got[0].headers)
    assert (headers["location"], headers["x-seen"]) == ("http://a.example:80/x//../y?z=1", "me")


def test_a_host_header_of_its_own(gateway):
    assert (
        dict(asked(gateway, "http://a.example/", headers=(("Host", "b"),))[0].headers)["location"]
        == "http://b/"
    )


@pytest.mark.parametrize(
    ("url", "code"), [("http://a/gone", 52), ("https://a/", 35)], ids=["no answer", "no TLS"]
)
def test_failures_are_told_as_curl_does(gateway, url, code):
    assert asked(gateway, url)[0].exit_code == code


def test_nobody_listens(gateway):
    assert asked(Door("127.0.0.1", 1), "http://a/")[0].exit_code == 7
    assert [one.exit_code for one in asked(None, "http://a/", 2)] == [7, 7]
