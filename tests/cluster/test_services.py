import pytest

from harness.base.errors import HarnessError
from harness.base.vocabulary import Workload
from harness.cluster.probing.services import behind, service_of
from harness.traffic.request import Request
from tests.cluster.fakes import FakeClient, pod


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("web", "shop/web"),
        ("web.bare", "bare/web"),
        ("web.bare.svc", "bare/web"),
        ("web.bare.svc.cluster.local", "bare/web"),
        ("web.bare.svc.cluster.local.", "bare/web"),
        ("www.example.org", None),
    ],
)
def test_which_service_a_name_is(host, service):
    assert service_of(host, "shop") == (Workload.parse(service) if service else None)


def service(target=8080, **spec):
    ports = [{"port": 80, "targetPort": target}] if target else [{"port": 80}]
    spec = {"selector": {"app": "web"}, "ports": ports, **spec}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


@pytest.mark.parametrize(("target", "port"), [(8080, 8080), ("web", 8080), (None, 80), ("nosuch", None)])
def test_target_port(target, port):
    found = behind(FakeClient(service(target), pod()), Request(Workload("shop", "client"), "http://web/"))
    assert [found.port(one) for one in found.pods] == [port]


@pytest.mark.parametrize(
    ("url", "spec", "words"),
    [
        ("http://nosuch/", {}, "isn't a Service"),
        ("http://www.example.org/", {}, "isn't a Service"),
        ("http://web:81/", {}, "has no port 81"),
        ("http://web/", {"selector": None}, "has no selector"),
    ],
)
def test_what_isnt_known(url, spec, words):
    with pytest.raises(HarnessError, match=words):
        behind(FakeClient(service(**spec)), Request(Workload("shop", "client"), url))
