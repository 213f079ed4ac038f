"""From an exec's output to outcomes, with the cluster's pods and counters as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.base.errors import HarnessError
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.client import ApiError
from harness.cluster.api.discovery import Discovery
from harness.cluster.api.settings import ClusterSettings
from harness.cluster.api.streams import NOT_RUN, ExecInterruptedError, Finished
from harness.cluster.objects.apply import Applier
from harness.cluster.probing import positive_control as control
from harness.cluster.probing import probe as module
from harness.cluster.probing import sources
from harness.cluster.probing.probe import Prober
from harness.meshes.istio import Istio
from harness.traffic.request import Request
from tests.cluster.fakes import FakeClient, FakeRun, pod
from tests.meshes.test_tls_evidence import HTTP, SPIFFE, XFCC, envoy

WEB = "web-6b5d4d5f74-xxnlk"
CLIENT = pod("client-1", owner="StatefulSet/client", uid="1", labels={"app": "client"})
SERVER = pod(WEB, native="istio-proxy")
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
REQUEST = Request(Workload("shop", "client"), "http://web/")
ECHO = f'{{"pod": "{WEB}", "headers": {{"{HTTP[0]}": "http", "X-Forwarded-Client-Cert": "{XFCC.replace(chr(34), "")}"}}}}'
ANONYMOUS = ECHO.replace(WEB, "")
CURL = Finished(0, "0\ncurl 8.7.1 (x) y\n", "")
NO_CURL = Finished(NOT_RUN, "", "no such file: sh")


class World(FakeClient):
    """A cluster whose proxies have counted one thing before a probe, and another after it."""

    def __init__(self, *objects, counters=(), uncounted=False):
        super().__init__(*objects)
        self.counters = list(counters)
        self.uncounted = uncounted

    def text(self, method, path, **rest):
        if ":15090/proxy/" in path:
            if self.uncounted:
                raise ApiError(503, "ServiceUnavailable", "refused")
            return self.counters.pop(0)
        return super().text(method, path, **rest)


@pytest.fixture
def prober(monkeypatch):
    """Returns a prober whose execs answer each request of a probe with one of these bodies, in turn."""

    def make(client, *bodies, own=CURL, code=(0, 200), lost=0, end=False):
        execs = []

        def execute(_, namespace, name, container, argv, deadline):
            execs.append((f"{namespace}/{name}", container))
            if len(argv) == 3:
                return own if container == "app" else CURL
            if end:
                client.put(pod("client-1", owner="StatefulSet/client", deletionTimestamp="now"))
            mark = re.search(r"\\n(--\w+) ", argv[-1])[1]
            count = sum(int(job.split("x")[0]) * int(job.split("x")[1]) for job in argv[4].split()) - lost
            answers = (bodies[index % len(bodies)] for index in range(count))
            report = f"{code[0]} {code[1]:03} 0.25 why"
            return Finished(
                0, "".join(f"{body}\n{mark} {report}\n{{}}\n{mark}.\n" for body in answers), "curl: (2) x"
            )

        monkeypatch.setattr(module, "execute", execute)
        monkeypatch.setattr(sources, "execute", execute)
        monkeypatch.setattr(sources, "add_container", lambda *_: "harness-curl")
        applier = Applier(client, Discovery(client))
        istio = Istio(client, applier, FakeRun(), Path("/k"), ClusterSettings())
        found = Prober(client, {Mesh.ISTIO: istio}, ClusterSettings(timeout=1), execs.append)
        return found, execs

    return make


def test_each_request_is_an_outcome(prober):
    found, execs = prober(World(CLIENT, SERVER, SERVICE), "hello", WEB)
    outcomes = found.send(REQUEST, 10, witness=False)
    assert (outcomes.n, len(outcomes.groups)) == (10, 10)
    assert outcomes.classes(str) == {"200": 5, "200 from shop/web": 5}
    assert {one.outcome.seconds for one in outcomes.groups} == {0.25}
    assert execs == [("shop/client-1", "app")] * 2, "curl is looked for once, then used"
    found.send(REQUEST, 10, witness=False)
    assert len(execs) == 3


def test_a_container_without_curl_gets_one_beside_it(prober):
    found, execs = prober(World(CLIENT, SERVER), "hello", own=NO_CURL)
    found.send(REQUEST, 1, witness=False)
    assert execs == [
        ("shop/client-1", "app"),
        ["curlimages/curl:8.7.1"],
        ("shop/client-1", "harness-curl"),
        ("shop/client-1", "harness-curl"),
    ]


@pytest.mark.parametrize(
    ("name", "body", "server", "hop"),
    [
        ("the pod tells its name", ECHO, SERVER, (True, Mesh.ISTIO, SPIFFE)),
        ("an echo that doesn't: the Service's pods", ANONYMOUS, SERVER, (True, Mesh.ISTIO, SPIFFE)),
        ("no proxy, by name", WEB, pod(WEB), (False, None, None)),
        ("no echo", WEB, SERVER, None),
        ("no echo and no name", "hello", pod(WEB), None),
    ],
)
def test_hops_by_headers(prober, name, body, server, hop):
    found, _ = prober(World(CLIENT, server, SERVICE), body)
    [group] = found.send(REQUEST, 1, witness=False).groups
    shown = group.outcome.hop
    assert (shown and (shown.mutual, shown.mesh, shown.client)) == hop


TLS = (envoy(), envoy(rq_total=2, cx_total=1, cx_ssl_total=1))
PLAIN = (envoy(), envoy(rq_total=2, cx_total=1))


@pytest.mark.parametrize(
    ("name", "body", "counters", "mutual", "witnesses"),
    [
        ("counters alone", WEB, TLS, True, 1),
        ("counters of an unknown pod", "hello", TLS, True, 1),
        ("plaintext", WEB, PLAIN, False, 1),
        ("headers and counters", ECHO, TLS, True, 2),
        ("counters that tell nothing", ECHO, (envoy(), envoy()), True, 1),
    ],
)
def test_hops_by_counters(prober, name, body, counters, mutual, witnesses):
    found, _ = prober(World(CLIENT, SERVER, SERVICE, counters=counters), body)
    hops = {group.outcome.hop for group in found.send(REQUEST, 2, witness=True).groups}
    assert [(hop.mutual, len(hop.witnesses)) for hop in hops] == [(mutual, witnesses)]


def test_counters_that_cant_be_read_are_left_out(prober):
    found, _ = prober(World(CLIENT, SERVER, SERVICE, uncounted=True), ECHO)
    [group] = found.send(REQUEST, 1, witness=True).groups
    assert group.outcome.hop.witnesses == ("X-Forwarded-Client-Cert at the server",)


@pytest.mark.parametrize(
    ("name", "world", "made", "error", "words"),
    [
        ("witnesses disagree", {"counters": PLAIN}, {}, HarnessError, "disagree"),
        ("answers are lost", {"counters": TLS}, {"lost": 1}, HarnessError, r"curl reported 1 of 2 requests\n.*\n?.*curl: \(2\) x"),
        ("the client ends, and fails", {"counters": TLS}, {"end": True, "code": (52, 0)}, ExecInterruptedError, "was ending"),
    ],
)  # fmt: skip
def test_probes_that_show_nothing(prober, name, world, made, error, words):
    found, _ = prober(World(CLIENT, SERVER, SERVICE, **world), ECHO, **made)
    with pytest.raises(error) as caught:
        found.send(REQUEST, 2, witness=True)
    assert re.search(words, str(caught.value))


def test_a_client_that_ends_but_doesnt_fail_is_good_enough(prober):
    found, _ = prober(World(CLIENT, SERVER, SERVICE), "hello", end=True)
    assert found.send(REQUEST, 2, witness=False).n == 2


def test_failures_show_no_hop(prober):
    found, _ = prober(World(CLIENT, SERVER, SERVICE, counters=TLS), "", code=(56, 0))
    [group] = found.send(REQUEST, 1, witness=True).groups
    assert (group.outcome.hop, group.outcome.detail) == (None, "why (curl 56)")


def test_an_unknown_workload():
    found = Prober(World(SERVER), {}, ClusterSettings(timeout=1), print)
    with pytest.raises(HarnessError, match=r"no workload shop/wbe with a pod\n.*did you mean shop/web\?"):
        found.send(Request(Workload("shop", "wbe"), "http://web/"), 1, witness=False)


def test_a_workload_without_a_ready_pod():
    waiting = pod(ready=False, waiting=("CrashLoopBackOff", "back-off"))
    found = Prober(World(waiting), {}, ClusterSettings(timeout=0.1), print)
    with pytest.raises(HarnessError, match="CrashLoopBackOff: back-off"):
        found.send(Request(Workload("shop", "web"), "http://web/"), 1, witness=False)


@pytest.mark.parametrize(
    ("name", "url", "answer", "sent", "evidence"),
    [
        ("HTTP", "http://web/a?b=c", b"HTTP/1.1 404 Not Found\r\n", b"GET /a?b=c HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found"),
        ("gRPC", "grpc://web/S/M", bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)), "speaks HTTP/2"),
    ],
)  # fmt: skip
def test_control(monkeypatch, name, url, answer, sent, evidence):
    def exchange(_, namespace, pod_name, port, message, enough, deadline):
        assert (namespace, pod_name, port, message) == ("shop", WEB, 8080, sent)
        assert enough(answer)
        assert not enough(answer[:8])
        return answer

    monkeypatch.setattr(control, "exchange", exchange)
    found = Prober(World(SERVER, SERVICE), {}, ClusterSettings(), print)
    request = Request(Workload("shop", "client"), url)
    assert found.control(request) == f"past its proxy, Pod shop/{WEB} answers on port 8080: {evidence}"


def test_control_of_a_server_that_isnt_ready():
    found = Prober(World(pod(ready=False), SERVICE), {}, ClusterSettings(), print)
    with pytest.raises(HarnessError, match="has no ready pod"):
        found.control(REQUEST)
