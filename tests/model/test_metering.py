"""What the model says of the growth of proxies' counters."""

from __future__ import annotations

import pytest

from harness.base.errors import NotPredictedError
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.observables import metered
from harness.traffic.observables import ENVOY_REQUESTS, LINKERD_ROUTES, Meter
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource


def config_map(mesh):
    made = resource("ConfigMap", "istio-system/istio")
    made.data["data"] = {"mesh": mesh}
    return made


DENIED = resource("AuthorizationPolicy", "ist/a", "{}", "security.istio.io/v1")
TELEMETRY = resource(
    "Telemetry", "ist/t", "{metrics: [{overrides: [{disabled: true}]}]}", "telemetry.istio.io/v1"
)
MIRROR = resource(
    "VirtualService",
    "ist/web",
    "{hosts: [web], http: [{route: [{destination: {host: web}}], mirror: {host: other}}]}",
)
HALF = resource(
    "VirtualService",
    "ist/web",
    "{hosts: [web], http: [{route: [{destination: {host: web}, weight: 50}, "
    "{destination: {host: other}, weight: 50}]}]}",
)
SERVER = "{podSelector: {matchLabels: {app: web}}, port: 8080, accessPolicy: all-unauthenticated"
OPAQUE = resource("Server", "lnk/s", SERVER + ", proxyProtocol: opaque}")


NO_METRICS = config_map("defaultProviders: {accessLogging: [envoy]}")
METRICS = config_map("defaultProviders: {metrics: [prometheus]}")
PREFIXES = config_map("defaultConfig: {proxyStatsMatcher: {inclusionPrefixes: [http]}}")
PAST = {"annotations": {"config.linkerd.io/skip-outbound-ports": "80"}}


def grown(namespace, at, *objects, counters=(), metadata=None, mesh=None):
    """The first counter's growth by 100 requests of the client to `web`; None where there is no such counter."""
    state = changes.apply(
        cluster(ISTIO, LINKERD),
        [
            deployment(
                f"{namespace}/client",
                {"containers": [{"name": "curl", "image": "curlimages/curl"}]},
                {"labels": {"app": "client"}, **(metadata or {})},
            ),
            *app(f"{namespace}/web", "unknown/web:1", 8080),
            *app(f"{namespace}/other", "unknown/web:1", 8080),
            *objects,
        ],
    )
    request = Request(Workload(namespace, "client"), "http://web/")
    mesh = mesh or {"ist": ISTIO, "lnk": LINKERD}[namespace]
    found = metered(state, request, 100, Meter(Workload(namespace, at), mesh, counters))
    first = found.growths[0]
    return first.grown if first.there else None


@pytest.mark.parametrize(
    ("namespace", "at", "objects", "counters", "growth"),
    [
        ("ist", "client", [], (), 100),
        ("ist", "web", [], (), 100),
        ("ist", "other", [], (), 0),
        ("ist", "other", [MIRROR], (), 100),
        ("ist", "web", [HALF], (), 50),
        ("ist", "client", [HALF], (), 100),
        ("ist", "web", [], (ENVOY_REQUESTS,), 100),
        ("ist", "web", [METRICS], (), 100),
        ("ist", "web", [METRICS], (ENVOY_REQUESTS,), None),
        ("ist", "web", [NO_METRICS], (), None),
        ("lnk", "client", [], (), 100),
        ("lnk", "web", [], (), 100),
        ("lnk", "client", [], (LINKERD_ROUTES,), 100),
    ],
)
def test_each_proxy_counts_each_request_once(namespace, at, objects, counters, growth):
    assert grown(namespace, at, *objects, counters=counters) == growth


def test_another_mesh_counts_nothing():
    assert grown("lnk", "web", mesh=ISTIO) is None
    assert grown("ist", "client", mesh=LINKERD) is None


@pytest.mark.parametrize(
    ("namespace", "at", "objects", "options", "why"),
    [
        ("ist", "client", [DENIED], {}, "a request that gets 403"),
        ("ist", "client", [TELEMETRY], {}, "a Telemetry changes what Istio's proxies count"),
        ("ist", "web", [PREFIXES], {"counters": (ENVOY_REQUESTS,)}, "more than suffixes"),
        ("ist", "web", [], {"counters": ("shop_total",)}, "shop_total isn't one of the counters"),
        ("lnk", "web", [], {"counters": (LINKERD_ROUTES,)}, "isn't one of the counters"),
        ("lnk", "web", [OPAQUE], {}, "takes the connection for bytes"),
        ("lnk", "client", [], {"metadata": PAST}, "goes round its proxy"),
    ],
)
def test_what_does_not_follow_is_not_predicted(namespace, at, objects, options, why):
    with pytest.raises(NotPredictedError, match=why):
        grown(namespace, at, *objects, **options)
