"""Faults of a cluster while it is used: each is reported as what it is."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from harness.base.errors import StageError
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.streams import ExecInterruptedError
from harness.cluster.api.tools import run
from harness.traffic.request import Request
from tests.kind.conftest import settings
from tests.kind.shop import CALLS, deny

pytestmark = pytest.mark.kind

SLOW = Request(Workload("shop", "client"), "http://echo/delay/1")
ROUNDS = 200  # ten seconds, by twenty clients


@pytest.fixture(scope="module")
def shop(ground):
    ground.place("shop", [Mesh.ISTIO])
    ground.deploy(CALLS)
    yield ground
    ground.clear()


@contextmanager
def meanwhile(shop, act):
    """Acts while the probe is under way: its processes are seen on the node."""
    seen = "until pgrep -f 'dela[y]/1'; do sleep 0.1; done"  # an expression that doesn't match itself

    def wait_and_act():
        run(["docker", "exec", f"{shop.cluster_name}-control-plane", "sh", "-c", seen], timeout=60)
        act()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def healed(shop, kubectl):
    yield
    assert shop.pods(SLOW.source), "reading outlasts a restart of the API server"
    kubectl("-n", "shop", "rollout", "status", "deployment", "--timeout=60s")
    shop.restart("shop")
    assert {group.outcome.status for group in shop.send(SLOW, 20).groups} == {200}


@pytest.mark.parametrize(
    ("app", "what", "why"),
    [
        (
            "client",
            "client's pod was ending|container went away|connection to the container broke",
            "the pod ",
        ),
        ("echo", "pods ended while the probe ran", "Pod shop/echo-"),
    ],
)
def test_a_pod_is_deleted_while_a_probe_runs(shop, kubectl, healed, app, what, why):
    delete = ("-n", "shop", "delete", "pod", "-l", f"app={app}", "--wait=false")
    with meanwhile(shop, lambda: kubectl(*delete)), pytest.raises(ExecInterruptedError, match=what) as caught:
        shop.send(SLOW, ROUNDS)
    assert caught.value.why.startswith(why)


def test_istiod_is_scaled_to_nothing(shop, kubectl, monkeypatch):
    monkeypatch.setattr(shop, "settings", settings(timeout=20))
    scale = ("-n", "istio-system", "scale", "deployment/istiod")
    kubectl(*scale, "--replicas=0")
    kubectl("-n", "istio-system", "wait", "--for=delete", "pod", "-l", "app=istiod", "--timeout=60s")
    try:
        with pytest.raises(StageError) as caught:
            shop.apply([deny("GET")])
        assert 'failed calling webhook "validation.istio.io"' in caught.value.why
        with pytest.raises(StageError, match="istiod is scaled to 0"):
            shop.remove([deny("GET")])
        with pytest.raises(StageError) as caught:
            shop.restart("shop")
        assert 'failed calling webhook "namespace.sidecar-injector.istio.io"' in caught.value.why
    finally:
        kubectl(*scale, "--replicas=1")
        kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=60s")


def test_the_api_server_is_killed_while_a_probe_runs(shop, healed):
    node = f"{shop.cluster_name}-control-plane"
    kill = ["docker", "exec", node, "sh", "-c", "kill -9 $(pidof kube-apiserver)"]
    with meanwhile(shop, lambda: run(kill, timeout=60)), pytest.raises(ExecInterruptedError) as caught:
        shop.send(SLOW, ROUNDS)
    assert "connection to the container broke" in caught.value.what
    assert "the API server" in caught.value.why
