from __future__ import annotations

import json
from fractions import Fraction

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

FACES = "ghcr.io/buoyantio/faces-"


def faces(namespace, face=None, smiley=None, color=None, color2=None):
    return [
        *app(f"{namespace}/client", "curlimages/curl"),
        *app(f"{namespace}/gui", f"{FACES}gui:2.0.0", 8000),
        *app(f"{namespace}/face", f"{FACES}face:2.0.0", 8000, **(face or {})),
        *app(f"{namespace}/smiley", f"{FACES}smiley:2.0.0", 8000, **(smiley or {})),
        *app(f"{namespace}/color", f"{FACES}color:2.0.0", 8000, **(color or {})),
        *app(f"{namespace}/color2", f"{FACES}color:2.0.0", 8000, COLOR="green", **(color2 or {})),
    ]


def bodies(outcomes):
    return {
        (body["smiley"], body["color"]): group.weight
        for group in outcomes.groups
        for body in [json.loads(group.outcome.body)]
    }


@pytest.mark.parametrize(
    ("namespace", "meshes", "route"),
    [
        (
            "ist",
            (ISTIO,),
            resource(
                "VirtualService",
                "ist/color",
                "{hosts: [color], http: [{route: [{destination: {host: color}, weight: 80}, "
                "{destination: {host: color2}, weight: 20}]}]}",
            ),
        ),
        (
            "lnk",
            (LINKERD,),
            resource(
                "GRPCRoute",
                "lnk/color",
                "{parentRefs: [{kind: Service, name: color, group: ''}], rules: [{backendRefs: "
                "[{name: color, port: 80, weight: 80}, {name: color2, port: 80, weight: 20}]}]}",
            ),
        ),
    ],
)
def test_a_split_shows_in_what_face_answers(namespace, meshes, route):
    state = changes.apply(cluster(*meshes), [*faces(namespace), route])
    assert bodies(send(state, f"{namespace}/client", "http://face/center/")) == {
        ("&#x1F603;", "#66CCEE"): Fraction(4, 5),
        ("&#x1F603;", "#228833"): Fraction(1, 5),
    }


@pytest.mark.parametrize(
    ("env", "cells"),
    [
        ({}, {("&#x1F603;", "#66CCEE"): 1}),
        ({"smiley": {"SMILEY": "HeartEyes"}, "color": {"COLOR": "#123456"}}, {("&#x1F60D;", "#123456"): 1}),
        ({"smiley": {"SMILEY": "Nobody"}, "color": {"COLOR": "nocolor"}}, {("&#x1F92E;", "#CCBB44"): 1}),
        ({"smiley": {"SMILEY": "U+1F600"}}, {("&#x1F600;", "#66CCEE"): 1}),
        (
            {"smiley": {"ERROR_FRACTION": "19"}},
            {("&#x1F603;", "#66CCEE"): Fraction(4, 5), ("&#x1F92C;", "#66CCEE"): Fraction(1, 5)},
        ),
        ({"color": {"ERROR_FRACTION": "100"}}, {("&#x1F603;", "#BBBBBB"): 1}),
        ({"face": {"SMILEY_SERVICE": "ghost", "COLOR_SERVICE": "ghost"}}, {("&#x1F92C;", "#BBBBBB"): 1}),
    ],
)
def test_what_face_shows(env, cells):
    state = changes.apply(cluster(), faces("bare", **env))
    assert bodies(send(state, "bare/client", "http://face/center/")) == cells


def test_a_backend_that_fails_is_told_in_errors():
    state = changes.apply(cluster(ISTIO), faces("ist"))
    deny = resource(
        "AuthorizationPolicy", "ist/p", "{selector: {matchLabels: {app: smiley}}}", "security.istio.io/v1"
    )
    no_color = resource(
        "AuthorizationPolicy", "ist/q", "{selector: {matchLabels: {app: color}}}", "security.istio.io/v1"
    )
    (group,) = send(changes.apply(state, [deny, no_color]), "ist/client", "http://face/").groups
    assert group.outcome.status == 200
    assert json.loads(group.outcome.body)["errors"] == [
        "smiley: error from smiley: 403 (RBAC: access denied)",
        "color: couldn't get color from color:80: rpc error: code = PermissionDenied desc = RBAC: access denied",
    ]
    assert any(step.subject == "AuthorizationPolicy ist/p" for step in group.trace)


@pytest.mark.parametrize(
    ("env", "seconds"),
    [
        ({"smiley": {"DELAY_BUCKETS": "500"}, "color": {"DELAY_BUCKETS": "1500"}}, {1.5}),
        ({"face": {"DELAY_BUCKETS": "100"}, "smiley": {"DELAY_BUCKETS": "500"}}, {0.6}),
        ({"smiley": {"DELAY_BUCKETS": "0,500"}}, {0.0, 0.5}),
    ],
)
def test_face_takes_as_long_as_its_slower_backend(env, seconds):
    outcomes = send(changes.apply(cluster(), faces("bare", **env)), "bare/client", "http://face/")
    assert {group.outcome.seconds for group in outcomes.groups} == seconds


@pytest.mark.parametrize(
    ("url", "method", "status", "body"),
    [
        ("http://face/", "POST", 405, None),
        ("http://face/", "HEAD", 200, ""),
        ("http://smiley/center/", "DELETE", 405, None),
        ("http://gui/ready", "GET", 200, "Ready and waiting!"),
        ("http://gui/nothing", "GET", 404, "file not found"),
        ("http://gui/face/center/", "GET", 200, None),
        ("grpc://color/ColorService/Edge", "GET", 200, "#66CCEE"),
    ],
)
def test_the_other_answers(url, method, status, body):
    (group,) = send(changes.apply(cluster(), faces("bare")), "bare/client", url, method).groups
    assert group.outcome.status == status
    assert body is None or group.outcome.body == body


def test_the_pod_is_named():
    state = changes.apply(cluster(), [*faces("bare"), *app("bare/hello", "nginxdemos/hello:plain-text", 80)])
    (face,) = send(state, "bare/client", "http://face/").groups
    assert face.outcome.header("x-faces-pod").startswith("face-")
    (hello,) = send(state, "bare/client", "http://hello/x?y").groups
    lines = dict(line.split(": ", 1) for line in hello.outcome.body.splitlines())
    assert lines["Server name"].startswith("hello-")
    assert lines["URI"] == "/x?y"


BIN = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("ist/bin", "ghcr.io/mccutchen/go-httpbin:2.26.0", 8080, USE_REAL_HOSTNAME="true"),
        *app("ist/wrong", "ghcr.io/mccutchen/go-httpbin:2.26.0", 9090),
    ],
)


@pytest.mark.parametrize(
    ("url", "method", "status", "seconds"),
    [
        ("http://bin/", "GET", 200, 0),
        ("http://bin/status/418", "GET", 418, 0),
        ("http://bin/delay/3", "GET", 200, 3),
        ("http://bin/delay/1500ms", "GET", 200, 1.5),
        ("http://bin/delay/60", "GET", 200, 10),
        ("http://bin/anything/x", "PATCH", 200, 0),
        ("http://bin/get", "POST", 405, 0),
        ("http://wrong/", "GET", 503, 0),
    ],
)
def test_httpbin(url, method, status, seconds):
    (group,) = send(BIN, "ist/client", url, method).groups
    assert (group.outcome.status, group.outcome.seconds) == (status, seconds)


def test_httpbin_tells_headers_as_lists():
    (group,) = send(BIN, "ist/client", "http://bin/headers", x_a="1").groups
    headers = json.loads(group.outcome.body)["headers"]
    assert headers["X-A"] == ["1"]
    assert headers["Host"] == ["bin"]
    assert headers["X-Forwarded-Client-Cert"][0].startswith("By=spiffe://cluster.local/ns/ist/sa/default;")


@pytest.mark.parametrize(
    ("url", "method"),
    [
        ("http://bin/cookies", "GET"),
        ("http://bin/status/200:0.5", "GET"),
        ("grpc://bin/Service/Method", "GET"),
    ],
)
def test_what_the_model_does_not_know_of_an_app(url, method):
    with pytest.raises(NotModelledError, match="isn't modelled"):
        send(BIN, "ist/client", url, method)


def test_rates_and_latches_are_not_modelled():
    with pytest.raises(NotModelledError, match="MAX_RATE=5"):
        send(changes.apply(cluster(), faces("bare", face={"MAX_RATE": "5"})), "bare/client", "http://face/")


def test_an_unknown_image_answers():
    state = changes.apply(cluster(), [*app("bare/client", "curlimages/curl"), *app("bare/web", "a/b:1", 80)])
    (group,) = send(state, "bare/client", "http://web/").groups
    assert (str(group.outcome), group.outcome.body) == ("200 from bare/web", None)
    assert "taken to answer 200" in group.trace[-1].text


def test_applications_that_call_each_other_in_a_circle():
    state = changes.apply(cluster(), faces("bare", face={"SMILEY_SERVICE": "face"}))
    with pytest.raises(NotModelledError, match="circle"):
        send(state, "bare/client", "http://face/")


def test_told_sums_to_one():
    state = changes.apply(
        cluster(), faces("bare", smiley={"ERROR_FRACTION": "20"}, color={"ERROR_FRACTION": "20"})
    )
    assert told(send(state, "bare/client", "http://face/")) == {"200 from bare/face": 1}
