"""How much proxies' counters grow, by what their metrics ports show."""

from __future__ import annotations

import pytest

from harness.base.errors import HarnessError
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.control_plane import Scrape
from harness.cluster.probing import counters as metering
from harness.traffic.observables import Growth, Meter, inbound
from harness.traffic.outcomes import Outcomes
from harness.traffic.request import Request
from tests.cluster.fakes import FakeClient, pod

WEB = Workload("shop", "web")
REQUEST = Request(Workload("shop", "client"), "http://web/")


class Plane:
    mesh = Mesh.LINKERD
    counters = Scrape(4191, "metrics")


class Sends:
    def send(self, request, count, *, witness):
        return Outcomes((), count)


class Proxied(FakeClient):
    """A client of a cluster whose proxy shows one reading after another: of what goes out, and comes in."""

    def __init__(self, *objects, readings=()):
        super().__init__(*objects)
        self.readings = iter(readings)

    def text(self, method, path, **_):
        if not path.endswith(":4191/proxy/metrics"):
            return super().text(method, path, **_)
        out, inward = next(self.readings)
        return (
            f'request_total{{direction="outbound",tls="true"}} {out}\n'
            f'request_total{{direction="inbound",tls="true",client_id="a"}} {inward}\n'
            f'request_total{{direction="inbound",tls="no_identity"}} 7\n'
        )


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(metering.time, "sleep", lambda seconds: None)


def metered(client, at, *counters):
    return metering.metered(client, Sends(), Plane(), REQUEST, 200, Meter(at, Mesh.LINKERD, counters))


@pytest.mark.parametrize(
    ("source", "growth"),
    [
        (Workload("shop", "client"), Growth("request_total", 203, 2)),
        (WEB, Growth("request_total", 5, 1)),
    ],
)
def test_only_one_side_of_a_proxy_counts(source, growth, monkeypatch):
    monkeypatch.setattr(f"{__name__}.REQUEST", Request(source, "http://web/"))
    client = Proxied(pod(native="linkerd-proxy"), readings=[(10, 100), (15, 303), (16, 305)])
    found = metered(client, WEB, "request_total")
    assert found.growths == (growth,)
    assert "web-6b5d4d5f74-xxnlk" in found.evidence[0]


def test_a_counter_that_no_proxy_shows_is_not_there():
    client = Proxied(pod(native="linkerd-proxy"), readings=[(0, 0)] * 3)
    assert metered(client, WEB, "nothing_total").growths == (Growth("nothing_total", 0, 0, there=False),)


def test_a_pod_without_the_proxy_counts_nothing():
    assert not metered(Proxied(pod(native="istio-proxy")), WEB, "request_total").growths[0].there


def test_without_a_pod_there_is_nothing_to_read():
    with pytest.raises(HarnessError, match="shop/web has no running pod"):
        metered(Proxied(), WEB, "request_total")


@pytest.mark.parametrize(
    ("name", "labels", "side"),
    [
        ("istio_requests_total", {"reporter": "source"}, False),
        ("istio_requests_total", {"reporter": "destination"}, True),
        ("istio_requests_total", {"reporter": "waypoint"}, None),
        ("envoy_http_downstream_rq_total", {"http_conn_manager_prefix": "inbound_0.0.0.0_80;"}, True),
        ("envoy_http_downstream_rq_total", {"http_conn_manager_prefix": "outbound_0.0.0.0_80"}, False),
        ("envoy_http_downstream_rq_total", {"http_conn_manager_prefix": "stats"}, None),
        ("request_total", {"direction": "inbound"}, True),
        ("outbound_http_route_request_statuses_total", {}, False),
        ("shop_orders_total", {}, None),
    ],
)
def test_whose_requests_a_series_counts(name, labels, side):
    assert inbound(name, labels) is side
