"""Lint says that a VirtualService does nothing on its gateway exactly where the model answers none of its requests."""

from __future__ import annotations

import itertools

import pytest

from harness.analysis.lint import Settings, lint
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.istio.gateway.server import listener
from tests.model.clusters import ISTIO, app, cluster, resource, send

WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "team", labels={"istio-injection": "enabled"}),
    [*app("bare/client", "curlimages/curl"), *app("ist/web", "l5d/echo:v1", 8080)],
)
ASKED = ("web.example.com", "a.example.com", "b.a.example.com", "example.org")
RULE = Settings(select=("virtual-service-host-not-on-gateway",))
SERVED = (
    "*",
    "./*",
    "team/*",
    "*/*",
    "web.example.com",
    "ist/web.example.com",
    "team/web.example.com",
    "*.example.com",
)


@pytest.mark.parametrize("served", SERVED)
def test_a_host_that_no_request_reaches(served):
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [served]}
    gateway = resource("Gateway", "ist/g", {"selector": {"istio": "ingressgateway"}, "servers": [server]})
    for host in ("*", "web.example.com", "*.example.com", "*.a.example.com", "example.org", "web"):
        route = {"hosts": [host], "gateways": ["g"], "http": [{"route": [{"destination": {"host": "web"}}]}]}
        state = changes.apply(WORLD, [gateway, resource("VirtualService", "ist/v", route)])
        answers = [
            send(state, "bare/client", "http://istio-ingressgateway.istio-system/", Host=name).groups
            for name in (*ASKED, "web.ist.svc.cluster.local", "web")
        ]
        reached = any(group.outcome.status == 200 for groups in answers for group in groups)
        assert reached == (not lint(state, (), RULE).traps), host


SERVERS = {
    "http": ("HTTP", None),
    "https": ("HTTPS", {"mode": "SIMPLE", "credentialName": "cert"}),
    "passed on": ("TLS", {"mode": "PASSTHROUGH"}),
    "bytes": ("TCP", None),
}
HOSTS = {"equal": ("a.example.com", "a.example.com"), "different": ("a.example.com", "b.example.com")}


@pytest.mark.parametrize("hosts", HOSTS)
@pytest.mark.parametrize(("one", "other"), [*itertools.product(SERVERS, SERVERS)])
def test_gateways_of_which_a_port_leaves_one_out(one, other, hosts):
    gateways = []
    for name, kind, host in zip("ab", (one, other), HOSTS[hosts], strict=True):
        protocol, tls = SERVERS[kind]
        port = {"number": 8000, "name": "it", "protocol": protocol}
        server = {"port": port, "hosts": [host], **({"tls": tls} if tls else {})}
        gateways.append(
            resource("Gateway", f"ist/{name}", {"selector": {"istio": "ingressgateway"}, "servers": [server]})
        )
    state = changes.apply(WORLD, gateways)
    (pod,) = state.pods_of(Workload("istio-system", "istio-ingressgateway"))
    heard = listener(state, pod, 8000)
    conflicts = lint(state, (), Settings(select=("gateway-conflict",))).traps
    assert bool(heard.left_out) == bool(conflicts)
