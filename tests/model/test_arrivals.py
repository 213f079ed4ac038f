"""How many requests arrive at applications, and what comes in from outside, and what names lead to."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.base.errors import NotModelledError, NotPredictedError
from harness.base.vocabulary import Workload
from harness.ground.model import ModelProvider
from harness.model import changes
from harness.model.decide import decide
from harness.model.network.dns import resolution
from harness.traffic.request import HOST, Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, told

BASE = changes.apply(
    cluster(ISTIO, LINKERD),
    [
        *app("bare/client", "curlimages/curl"),
        *app("ist/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("ist/copy", "l5d/echo:v1", 8080),
        *app("ist/slow", "any/slow", 8080),
        *app("lnk/client", "curlimages/curl"),
        *app("lnk/web", "l5d/echo:v1", 8080),
    ],
)


def virtual_service(rule: str, host: str = "web"):
    return resource("VirtualService", f"ist/{host}", f"{{hosts: [{host}], http: [{{{rule}, route: [{{destination: {{host: {host}}}}}]}}]}}")  # fmt: skip


def counted(objects, source: str, url: str, at: str) -> Fraction:
    provider = ModelProvider()
    provider.state = changes.apply(BASE, objects)
    return provider.count(Request(Workload.parse(source), url), 1, Workload.parse(at)).number


RETRIED = "retries: {attempts: 2, retryOn: 5xx}"
ROUTE = (
    "{parentRefs: [{group: '', kind: Service, name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}"
)
SPLIT = "{parentRefs: [{group: '', kind: Service, name: web}], rules: [{backendRefs: [{name: web, port: 80}, {name: copy, port: 80, weight: 3}]}]}"
PROFILE = resource(
    "ServiceProfile",
    "lnk/web.lnk.svc.cluster.local",
    "{routes: [{name: all, isRetryable: true, condition: {pathRegex: /.*}}]}",
)

# name: (objects, client, URL, server, how many arrive there)
COUNTS = {
    "a request": ([], "ist/client", "http://web/", "ist/web", 1),
    "elsewhere": ([], "ist/client", "http://web/", "ist/copy", 0),
    "no status is retried": ([], "ist/client", "http://web/?status=503", "ist/web", 1),
    "Istio's retries": ([virtual_service(RETRIED)], "ist/client", "http://web/?status=503", "ist/web", 3),
    "none begins after the time limit": ([virtual_service(f"timeout: 1s, {RETRIED}")], "ist/client", "http://web/?delay=5s&status=503", "ist/web", 1),
    "a client without a mesh retries nothing": ([virtual_service(RETRIED)], "bare/client", "http://web.ist/?status=503", "ist/web", 1),
    "retried until it succeeds": ([virtual_service(RETRIED)], "ist/client", "http://web/?flaky=2", "ist/web", Fraction(3, 2)),
    "aborted before it is sent": (
        [virtual_service("fault: {abort: {httpStatus: 500, percentage: {value: 40}}}")],
        "ist/client", "http://web/", "ist/web", Fraction(3, 5),
    ),
    "a copy": ([virtual_service("mirror: {host: copy}")], "ist/client", "http://web/", "ist/copy", 1),
    "a copy of some": ([virtual_service("mirror: {host: copy}, mirrorPercentage: {value: 12.5}")], "ist/client", "http://web/", "ist/copy", Fraction(1, 8)),
    "a copy is sent once": ([virtual_service(f"mirror: {{host: copy}}, {RETRIED}")], "ist/client", "http://web/?status=503", "ist/copy", 1),
    "a copy to nowhere": ([virtual_service("mirror: {host: nowhere}")], "ist/client", "http://web/", "ist/web", 1),
    "a copy that is denied": (
        [virtual_service("mirror: {host: copy}"), resource("AuthorizationPolicy", "ist/copy", "{selector: {matchLabels: {app: copy}}}", api="security.istio.io/v1")],
        "ist/client", "http://web/", "ist/copy", 0,
    ),
    "Linkerd's retries": (
        [resource("HTTPRoute", "lnk/web", ROUTE, annotations={"retry.linkerd.io/http": "5xx", "retry.linkerd.io/limit": "3"})],
        "lnk/client", "http://web/?status=503", "lnk/web", 4,
    ),
    "each of Linkerd's retries may go to another backend": (
        [*app("lnk/copy", "l5d/echo:v1", 8080), resource("HTTPRoute", "lnk/web", SPLIT, annotations={"retry.linkerd.io/http": "5xx", "retry.linkerd.io/limit": "3"})],
        "lnk/client", "http://web/?status=503", "lnk/copy", 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", COUNTS)
def test_arrivals(case):
    *asked, number = COUNTS[case]
    assert counted(*asked) == number


@pytest.mark.parametrize(
    ("objects", "source", "url"),
    [
        ([virtual_service("timeout: 3s, retries: {attempts: 3, perTryTimeout: 1s, retryOn: 5xx}", "slow")], "ist/client", "http://slow/"),
        ([PROFILE], "lnk/client", "http://web/?status=503"),
    ],
)  # fmt: skip
def test_arrivals_that_depend_on_timing_arent_predicted(objects, source, url):
    with pytest.raises(NotPredictedError, match="how many requests arrive"):
        counted(objects, source, url, "ist/slow")


GATEWAY = resource(
    "Gateway",
    "ist/door",
    "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example]}]}",
)
INWARD = resource(
    "VirtualService",
    "ist/inward",
    "{hosts: [a.example], gateways: [door], http: [{route: [{destination: {host: web}}]}]}",
)
DOOR = Workload("istio-system", "istio-ingressgateway")


@pytest.mark.parametrize(
    ("url", "through", "told_"),
    [
        ("http://a.example/", DOOR, {"200 from ist/web": 1}),
        ("http://b.example/", DOOR, {"404": 1}),
        ("http://a.example:81/", DOOR, {"connection refused (curl 7)": 1}),
        ("https://a.example/", DOOR, {"connection refused (curl 7)": 1}),
        ("http://anything/", Workload("ist", "web"), {"200 from ist/web": 1}),
    ],
)
def test_from_outside(url, through, told_):
    request = Request(HOST, url, through=through)
    assert told(decide(changes.apply(BASE, [GATEWAY, INWARD]), request)) == told_


def test_from_outside_through_what_isnt_there():
    with pytest.raises(NotModelledError, match="there is no Service ist/door"):
        decide(BASE, Request(HOST, "http://a.example/", through=Workload("ist", "door")))


def test_what_comes_from_outside_goes_through_a_gateway_and_nothing_else_does():
    for source, through in ((HOST, None), (Workload("ist", "client"), DOOR)):
        with pytest.raises(ValueError, match="goes through a gateway"):
            Request(source, "http://a.example/", through=through)


HEADLESS = resource("Service", "ist/heads", "{clusterIP: None, selector: {app: web}, ports: [{port: 80}]}")
EMPTY = resource("Service", "ist/empty", "{clusterIP: None, selector: {app: nobody}, ports: [{port: 80}]}")
ALIAS = resource("Service", "ist/alias", "{type: ExternalName, externalName: shop.example.com}")


@pytest.mark.parametrize(
    ("name", "service", "outside"),
    [
        ("web", "ist/web", False),
        ("web.lnk.svc.cluster.local", "lnk/web", False),
        ("heads", "ist/heads", False),
        ("empty", None, False),
        ("nowhere", None, False),
        ("web.nowhere.svc", None, False),
        ("example.com", None, True),
        ("alias", None, True),
    ],
)
def test_names(name, service, outside):
    found = resolution(changes.apply(BASE, [HEADLESS, EMPTY, ALIAS]), Workload("ist", "client"), name)
    assert (found.service and str(found.service), found.outside) == (service, outside)


def test_names_that_the_pod_cant_ask_for():
    policy = resource(
        "NetworkPolicy", "ist/closed", "{podSelector: {}, policyTypes: [Egress]}", api="networking.k8s.io/v1"
    )
    found = resolution(changes.apply(BASE, [policy]), Workload("ist", "client"), "web")
    assert found.service is None
    assert "can't ask the cluster's DNS" in found.evidence[0]
