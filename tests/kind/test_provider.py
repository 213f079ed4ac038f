"""What KindProvider promises, kept on a real cluster with a real Istio."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from harness.base.errors import HarnessError, MissingError, StageError
from harness.base.vocabulary import Mesh, Workload
from harness.traffic.observables import Proxy
from harness.traffic.outcomes import Failure
from harness.traffic.request import Request
from tests.kind.conftest import settings
from tests.kind.shop import APPS, deny, deployment, peers, resource, route

pytestmark = pytest.mark.kind

CLIENT, BARE = Workload("shop", "client"), Workload("bare", "client")
SPIFFE = "spiffe://cluster.local/ns/shop/sa/default"


@pytest.fixture(scope="module")
def shop(ground):
    """The estate under Istio."""
    ground.deploy(APPS)
    ground.place("shop", [Mesh.ISTIO])
    ground.place("bare", [])
    yield ground
    ground.clear()


@pytest.fixture
def applied(shop):
    """Applies objects for one test."""
    done = []

    def apply(*resources):
        shop.apply(resources)
        done.extend(resources)

    yield apply
    shop.remove(done)


def backends(outcomes):
    return Counter(str(group.outcome.backend) for group in outcomes.groups)


def answers(outcomes):
    return {group.outcome.failure or group.outcome.status for group in outcomes.groups}


def hops(outcomes):
    return {group.outcome.hop for group in outcomes.groups}


def test_proxies_are_where_they_were_asked_for(shop):
    assert [pod.proxies for pod in shop.pods(Workload("shop", "echo"))] == [(Proxy(Mesh.ISTIO, native=True),)]
    assert [pod.proxies for pod in shop.pods(BARE)] == [()]


@pytest.mark.parametrize(
    ("source", "url", "hop"),
    [
        (CLIENT, "http://echo/headers", (True, Mesh.ISTIO, SPIFFE, 3)),
        (CLIENT, "http://echo.shop.svc.cluster.local/anything/x", (True, Mesh.ISTIO, SPIFFE, 3)),
        (CLIENT, "http://page:8080/", (True, Mesh.ISTIO, None, 2)),
        (BARE, "http://echo.shop/headers", (False, None, None, None)),
    ],
)
def test_hops_are_witnessed(shop, source, url, hop):
    found = hops(shop.send(Request(source, url), 20, witness=True))
    for one in found:
        assert (one.mutual, one.mesh, one.client) == hop[:3]
        assert hop[3] is None or len(one.witnesses) == hop[3]


def test_a_split_is_in_force_when_apply_returns(shop, applied):
    for first, second, expected in ((100, 0, {"shop/page1"}), (0, 100, {"shop/page2"}), (50, 50, None)):
        applied(route(first, second))
        seen = backends(shop.send(Request(CLIENT, "http://page:8080/"), 200))
        assert set(seen) == (expected or {"shop/page1", "shop/page2"})


def test_a_route_for_a_service_that_isnt_there_is_not_waited_for(shop, applied):
    nowhere = route(1, 1)
    spec = {
        **nowhere.data["spec"],
        "parentRefs": [{"group": "", "kind": "Service", "name": "nosuch", "port": 80}],
    }
    applied(resource("HTTPRoute", "nowhere", "shop", nowhere.api_version, spec=spec))


def test_a_denial_is_in_force_when_apply_returns_and_gone_with_remove(shop):
    request = Request(BARE, "http://echo.shop/headers")
    for _ in range(3):
        shop.apply([deny("GET")])
        assert answers(shop.send(request, 10)) == {403}
        shop.remove([deny("GET")])
        assert answers(shop.send(request, 10)) == {200}


def test_strict_mtls_resets_plaintext(shop, applied):
    applied(peers("STRICT"))
    assert answers(shop.send(Request(BARE, "http://echo.shop/"), 10)) == {Failure.RESET}
    assert "past its proxy" in shop.control(Request(BARE, "http://echo.shop/"))


def test_many_requests_go_by_one_exec(shop):
    start = time.monotonic()
    assert shop.send(Request(CLIENT, "http://echo/headers"), 1600).n == 1600
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("name", "request_", "seen"),
    [
        ("gRPC", Request(CLIENT, "grpc://color/ColorService/Center"), {"200 grpc-status 0"}),
        ("gRPC, no such method", Request(CLIENT, "grpc://color/ColorService/None"), {"200 grpc-status 12"}),
        ("HEAD", Request(CLIENT, "http://echo/headers", "HEAD"), {"200"}),
        ("POST", Request(CLIENT, "http://echo/get", "POST"), {"405"}),
        ("a connection a request", Request(CLIENT, "http://echo/status/418", new_connection=True), {"418"}),
        ("no such host", Request(CLIENT, "http://nosuch/"), {"Could not resolve host: nosuch (curl 6)"}),
        ("from a workload without curl", Request(Workload("shop", "echo"), "http://echo/status/204"), {"204"}),
    ],
)  # fmt: skip
def test_kinds_of_requests(shop, name, request_, seen):
    assert {str(group.outcome) for group in shop.send(request_, 12).groups} == seen


def test_what_the_server_saw(shop):
    [group] = shop.send(Request(CLIENT, "http://echo/anything/a?b=c", headers=(("X-Mine", "1"),)), 1).groups
    saw = group.outcome.server_saw
    assert (saw.path, saw.host, saw.header("x-mine")) == ("/anything/a", "echo", "1")


@pytest.mark.parametrize(
    ("name", "refused", "words"),
    [
        ("a route without port", route(1, 1, namespace="shop"), "Must have port for Service reference"),
        ("no such kind", resource("Widget", "a", "shop", "x.io/v1"), 'no matches for kind "Widget"'),
        (
            "by a webhook",
            resource("VirtualService", "a", "shop", "networking.istio.io/v1", spec={"hosts": ["echo"], "http": [{}]}),
            'admission webhook "validation.istio.io" denied the request',
        ),
        ("nothing", route(1, 1), None),
    ],
)  # fmt: skip
def test_refusals(shop, kubectl, name, refused, words):
    said = shop.refusal(refused)
    assert said is None if words is None else words in said
    if words:
        with pytest.raises(StageError, match=words):
            shop.apply([refused])
    assert "page" not in kubectl("-n", "shop", "get", "httproutes.gateway.networking.k8s.io", "-o", "name")


@pytest.mark.parametrize(
    ("name", "app", "words"),
    [
        ("no such image", deployment("x", "broken", "example.invalid/no:1"), "an image can't be had"),
        (
            "ends at once",
            deployment("y", "broken", "curlimages/curl:8.7.1", command=["false"]),
            "exit code 1",
        ),
    ],
)
def test_apps_that_dont_start_say_why(ground, monkeypatch, name, app, words):
    monkeypatch.setattr(ground, "settings", settings(timeout=40))
    try:
        with pytest.raises(StageError, match=words):
            ground.deploy([app])
    finally:
        ground.remove([app])


def test_missing_images_and_tools_are_told_before_anything_starts(ground):
    from harness.ground.kind import KindProvider

    with pytest.raises(MissingError, match=r"can't be pulled: kindest/node:v0\.0\.0"):
        KindProvider(settings(node_image="kindest/node:v0.0.0")).connect()
    assert "isn't on PATH" in KindProvider(settings(istioctl="no-such-istioctl")).lacking(Mesh.ISTIO)


def test_unknown_clients_and_servers(shop):
    with pytest.raises(HarnessError, match="did you mean shop/client"):
        shop.send(Request(Workload("shop", "clinet"), "http://echo/"), 1)
    with pytest.raises(HarnessError, match="isn't a Service"):
        shop.control(Request(CLIENT, "http://nosuch/"))


def test_a_namespace_leaves_the_mesh_and_is_cleared(shop, kubectl):
    shop.place("shop", [])
    assert [pod.proxies for pod in shop.pods(CLIENT)] == [()]
    found = hops(shop.send(Request(CLIENT, "http://echo/headers"), 5, witness=True))
    assert {one.mutual for one in found} == {False}
    shop.clear()
    left = kubectl("get", "namespaces", "-o", "name").split()
    assert not {"namespace/shop", "namespace/bare", "namespace/broken"} & set(left)
    assert "namespace/istio-system" in left
