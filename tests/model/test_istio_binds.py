"""Sidecars whose listeners are for an address, on the loopback without capture; and egress proxies."""

from __future__ import annotations

import pytest

from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

BASE = changes.apply(
    cluster(ISTIO),
    [*app("ist/client", "x/client"), *app("ist/web", "x/web", 8080), *app("ist/out", "x/out", 8080)],
)
WEB, OUT = {"200 from ist/web": 1}, {"200 from ist/out": 1}
PORT = "port: {number: 80, protocol: HTTP, name: http}"
HERE = "172.16.1.1"


def sidecar(spec: str):
    return resource("Sidecar", "ist/default", f"{{{spec}}}")


def egress(listener: str, policy: str = ""):
    return sidecar(f"egress: [{{{listener}, hosts: ['./*']}}]{policy}")


def sent(own, url: str, **headers: str):
    return told(send(changes.apply(BASE, [own]), "ist/client", url, **headers))


# a Sidecar, what is called there as which host, and what comes back
CASES = [
    (egress(f"bind: {HERE}, {PORT}"), f"http://{HERE}/", WEB),
    (egress(f"bind: {HERE}"), f"http://{HERE}/", WEB),
    (egress(f"bind: {HERE}, {PORT}, captureMode: NONE"), f"http://{HERE}/", WEB),
    # The loopback is the proxy's where it listens itself.
    (egress(f"captureMode: NONE, {PORT}"), "http://localhost/", WEB),
    (egress(f"captureMode: NONE, {PORT}"), "http://127.0.0.1/", WEB),
    (egress(f"captureMode: NONE, {PORT}"), "http://127.0.0.1:81/", {"200 from ist/client": 1}),
    (egress(PORT), "http://localhost/", {"200 from ist/client": 1}),
    (
        sidecar(f"ingress: [{{bind: {HERE}, port: {{number: 8080, protocol: HTTP, name: http}}}}]"),
        "http://web/",
        WEB,
    ),
]


@pytest.mark.parametrize(("own", "url", "answer"), CASES)
def test_binds(own, url, answer):
    assert sent(own, url, host="web.ist") == answer


def test_what_is_dialled_elsewhere_is_not_the_listeners():
    denying = ", outboundTrafficPolicy: {mode: REGISTRY_ONLY}"
    own = egress(f"bind: {HERE}, {PORT}", denying)
    assert sent(own, "http://web.ist/") == {"connection reset (curl 56)": 1}
    assert sent(own, f"tcp://{HERE}:80") == {"empty reply (curl 52)": 1}


PROXY = "egressProxy: {host: out.ist.svc.cluster.local, port: {number: 80}}"


@pytest.mark.parametrize("url", ["http://ext.acme.com/", "http://198.51.100.7:81/"])
def test_an_egress_proxy_gets_what_the_sidecar_does_not_know(url):
    own = sidecar(f"outboundTrafficPolicy: {{mode: ALLOW_ANY, {PROXY}}}")
    assert sent(own, url) == OUT
    assert sent(own, "http://web.ist/") == WEB


def test_an_egress_proxy_gets_bytes_too():
    ports = [{"name": "tcp", "port": 9000, "targetPort": 9000}]
    raw = resource("Service", "ist/raw", {"selector": {"app": "out"}, "ports": ports})
    to_raw = "egressProxy: {host: raw.ist.svc.cluster.local, port: {number: 9000}}"
    own = sidecar(f"outboundTrafficPolicy: {{mode: ALLOW_ANY, {to_raw}}}")
    outcomes = send(changes.apply(BASE, [raw, own]), "ist/client", "tcp://198.51.100.7:9100")
    assert told(outcomes) == {"connected to ist/out": 1}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (f"outboundTrafficPolicy: {{mode: REGISTRY_ONLY, {PROXY}}}", "must be set only with ALLOW_ANY"),
        (
            "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.b}}",
            "egress_proxy port must be non-nil",
        ),
        (f"egress: [{{bind: here, {PORT}, hosts: ['*/*']}}]", "here is not a valid IP"),
        ("ingress: [{bind: here, port: {number: 80, protocol: HTTP, name: h}}]", "here is not a valid IP"),
    ],
)
def test_what_the_webhook_refuses(spec, words):
    with pytest.raises(Refused, match=words):
        changes.apply(BASE, [sidecar(spec)])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ("egress: [{bind: 'unix:///a', hosts: ['*/*']}]", r"spec\.egress\[0\]\.bind"),
        (
            "ingress: [{captureMode: NONE, port: {number: 80, protocol: HTTP, name: h}}]",
            r"spec\.ingress\[0\]\.captureMode",
        ),
    ],
)
def test_what_stays_unknown(spec, field):
    with pytest.raises(NotModelledError, match=field):
        changes.apply(BASE, [sidecar(spec)])
