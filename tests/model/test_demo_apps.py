"""What known demos answer."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told

HALF = Fraction(1, 2)


def only(image, *args, port=8080, **env):
    container = {
        "name": "main",
        "image": image,
        "args": list(args),
        "env": [{"name": key, "value": value} for key, value in env.items()],
    }
    ports = f"{{selector: {{app: web}}, ports: [{{port: 80, targetPort: {port}}}]}}"
    made = [deployment("bare/web", {"containers": [container]}), resource("Service", "bare/web", ports)]
    return changes.apply(cluster(), [*app("bare/client", "curlimages/curl"), *made])


def outcome(state, url):
    (group,) = send(state, "bare/client", url).groups
    return group.outcome


@pytest.mark.parametrize(
    ("state", "url", "status", "body"),
    [
        (only("istio/examples-helloworld-v2:1.0", port=5000), "http://web/hello", 200, "Hello version: v2"),
        (only("istio/examples-helloworld-v1:1.0", port=5000), "http://web/else", 404, None),
        (only("hashicorp/http-echo", "-text=apple"), "http://web/x", 200, "apple\n"),
        (only("hashicorp/http-echo:1.0", "-text", "a b", "-status-code=503"), "http://web/", 503, "a b\n"),
        (only("hashicorp/http-echo", ECHO_TEXT="pear"), "http://web/", 200, "pear\n"),
        (only("ghcr.io/stefanprodan/podinfo:6.7.0", port=9898), "http://web/status/503", 503, None),
        (only("ghcr.io/stefanprodan/podinfo:6.7.0", port=9898), "http://web/", 200, None),
        (only("mirror.example/gateway-api/echo-basic:v1", port=3000), "http://web/status/404", 404, ""),
        (only("istio/app:1.31", "--port=8080", "--version=v7"), "http://web/", 200, "ServiceVersion=v7\n"),
        (only("istio/app:1.31"), "http://web/?codes=503", 503, "URL=/?codes=503\n"),
        (only("fortio/fortio"), "http://web/?status=418", 418, None),
    ],
)
def test_answers(state, url, status, body):
    got = outcome(state, url)
    assert got.status == status
    assert (got.body is None) if body is None else body in got.body


@pytest.mark.parametrize(
    ("state", "url", "seconds"),
    [
        (only("ghcr.io/stefanprodan/podinfo", port=9898), "http://web/delay/3", 3.0),
        (only("fortio/fortio"), "http://web/?delay=250ms", 0.25),
        (only("x/echo-basic", port=3000), "http://web/?delay=2s", 2.0),
        (only("istio/app"), "http://web/?delay=1m", 60.0),
    ],
)
def test_delays(state, url, seconds):
    assert outcome(state, url).seconds == seconds


@pytest.mark.parametrize(
    ("image", "url", "shares"),
    [
        ("fortio/fortio", "http://web/?status=503:20,400:10", {503: 0.2, 400: 0.1, 200: 0.7}),
        ("istio/app", "http://web/?codes=500:1,200:3", {500: 0.25, 200: 0.75}),
    ],
)
def test_shares(image, url, shares):
    groups = send(only(image), "bare/client", url).groups
    assert {group.outcome.status: float(group.weight) for group in groups} == shares


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("fortio/fortio", "http://web/?status=a"),
        ("fortio/fortio", "http://web/?delay=10s:20,1s"),
        ("istio/app", "http://web/?codes=twohundred"),
        ("stefanprodan/podinfo", "http://web/delay/long"),
        ("hashicorp/http-echo", "grpc://web/A/B"),
    ],
)
def test_what_is_not_known_is_refused(image, url):
    with pytest.raises(NotModelledError):
        send(only(image), "bare/client", url)


def bookinfo(reviews="v3", **ratings):
    objects = [*app("ist/client", "curlimages/curl")]
    for name, version in (("productpage", "v1"), ("details", "v1"), ("reviews", reviews), ("ratings", "v1")):
        env = ratings if name == "ratings" else {}
        objects += app(f"ist/{name}", f"istio/examples-bookinfo-{name}-{version}:1.20.3", 9080, **env)
        objects[-1] = resource(
            "Service", f"ist/{name}", f"{{selector: {{app: {name}}}, ports: [{{name: http, port: 9080}}]}}"
        )
    return changes.apply(cluster(ISTIO), objects)


def stars(state, path="reviews"):
    found = {}
    for group in send(state, "ist/client", f"http://productpage:9080/api/v1/products/0/{path}").groups:
        body = json.loads(group.outcome.body)
        rating = body["reviews"][0].get("rating") if "reviews" in body else body["error"]
        found[str(rating)] = found.get(str(rating), 0) + group.weight
    return found


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("v1", {"None": 1}),
        ("v2", {"{'stars': 5, 'color': 'black'}": 1}),
        ("v3", {"{'stars': 5, 'color': 'red'}": 1}),
    ],
)
def test_reviews_show_their_version(version, wanted):
    assert stars(bookinfo(version)) == wanted


def test_reviews_without_ratings():
    missing = "{'error': 'Ratings service is currently unavailable'}"
    assert stars(bookinfo(SERVICE_VERSION="v-faulty")) == {
        missing: HALF,
        "{'stars': 5, 'color': 'red'}": HALF,
    }
    # Version 3 waits for 2.5 s, ratings that are delayed take 7 s.
    assert stars(bookinfo(SERVICE_VERSION="v-delayed")) == {
        missing: HALF,
        "{'stars': 5, 'color': 'red'}": HALF,
    }
    # Version 2 would wait for 10 s, but the product page's patience ends after 3 s, twice.
    slow = bookinfo("v2", SERVICE_VERSION="v-delayed")
    groups = send(slow, "ist/client", "http://productpage:9080/productpage").groups
    assert {group.outcome.seconds: float(group.weight) for group in groups} == {
        0.0: 0.5,
        3.0: 0.25,
        6.0: 0.25,
    }
    sorry = "Sorry, product reviews are currently unavailable for this book."
    assert stars(slow) == {"{'stars': 5, 'color': 'black'}": Fraction(3, 4), sorry: Fraction(1, 4)}


def test_the_page_is_there_whatever_its_services_do():
    state = bookinfo()
    deny = resource("AuthorizationPolicy", "ist/p", "{}", "security.istio.io/v1")
    only_page = resource(
        "AuthorizationPolicy",
        "ist/q",
        "{selector: {matchLabels: {app: productpage}}, rules: [{}]}",
        "security.istio.io/v1",
    )
    state = changes.apply(state, [deny, only_page])
    assert told(send(state, "ist/client", "http://productpage:9080/productpage")) == {
        "200 from ist/productpage": 1
    }
    details = send(state, "ist/client", "http://productpage:9080/api/v1/products/0")
    assert told(details) == {"403 from ist/productpage": 1}
