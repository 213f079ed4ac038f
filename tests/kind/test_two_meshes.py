"""Both meshes on one cluster; skipped where Linkerd can't be installed."""

from __future__ import annotations

import json

import pytest
import yaml

from harness.base.errors import StageError
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.tools import find, run
from harness.expectations import KINDS, Ground, Result
from harness.traffic.request import Request
from tests.kind.conftest import settings
from tests.kind.shop import CALLS

pytestmark = pytest.mark.kind

CLIENT, ECHO = Workload("shop", "client"), Workload("shop", "echo")
FROM_CLIENT = Request(CLIENT, "http://echo/get")


@pytest.fixture(scope="module")
def both(ground):
    """A cluster with both meshes; it has Istio alone again at the end."""
    lacking = ground.lacking(Mesh.LINKERD)
    if lacking:
        pytest.skip(lacking)
    ground.install(Mesh.LINKERD)
    yield ground
    ground.uninstall(Mesh.LINKERD)


@pytest.fixture
def shop(both):
    both.place("shop", [Mesh.LINKERD])
    both.deploy(CALLS)
    yield both
    both.excuse(())
    both.clear()


def injected_by_hand(ground, deployment):
    """A Deployment with Linkerd's proxy written into its manifest."""
    argv = [str(find(settings().linkerd)), "inject", "--manual", "--kubeconfig", str(ground.kubeconfig), "-"]
    data = next(yaml.safe_load_all(run(argv, timeout=60, stdin=json.dumps(deployment.data))))
    return Resource(deployment.api_version, deployment.kind, deployment.namespace, deployment.name, data)


def test_a_workload_with_both_proxies_is_recognised(shop):
    twice = injected_by_hand(
        shop, next(one for one in CALLS if (one.kind, one.name) == ("Deployment", "echo"))
    )
    shop.excuse([ECHO])
    shop.place("shop", [Mesh.ISTIO])
    shop.deploy([twice])
    verdict = KINDS["double_injected"](workload="shop/echo").judge(Ground(shop))
    assert verdict.result is Result.PASS, verdict
    assert "double injection: linkerd-proxy never ready" in verdict.seen
    verdict = KINDS["double_injected"](workload="shop/client").judge(Ground(shop))
    assert verdict.result is Result.FAIL, verdict
    shop.excuse(())
    with pytest.raises(StageError, match="double injection"):
        shop.restart("shop", "echo")


def test_linkerds_injector_is_scaled_to_nothing(shop, kubectl):
    scale = ("-n", "linkerd", "scale", "deployment/linkerd-proxy-injector")
    kubectl(*scale, "--replicas=0")
    kubectl(
        *("-n", "linkerd", "wait", "--for=delete", "pod", "--timeout=60s"),
        *("-l", "linkerd.io/control-plane-component=proxy-injector"),
    )
    try:
        with pytest.raises(
            StageError, match="linkerd-proxy-injector is scaled to 0, so pods start without a proxy"
        ):
            shop.restart("shop")
    finally:
        kubectl(*scale, "--replicas=1")
    shop.place("shop", [Mesh.LINKERD])
    running = [*shop.pods(CLIENT), *shop.pods(ECHO)]
    assert [[proxy.mesh for proxy in pod.proxies] for pod in running] == [[Mesh.LINKERD]] * len(running)
    assert {group.outcome.status for group in shop.send(FROM_CLIENT, 20).groups} == {200}
