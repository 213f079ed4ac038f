"""Shares that other requests move: retry budgets and failure accrual give bounds, and no refusal."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.expectations.base import Ground
from harness.expectations.traffic.response import Response
from harness.expectations.verdict import Result
from harness.ground.model import ModelProvider
from harness.model import changes
from harness.traffic.between import Between, bounds, narrowed
from tests.model.clusters import app, resource, send
from tests.model.test_linkerd import RETRIED, WORLD, profile, route

ACCRUAL = "balancer.linkerd.io/failure-accrual"
RATE = "balancer.alpha.linkerd.io/failure-accrual-success-rate"


def shares(state, url):
    """The bounds of each class of answers, in percent of the requests."""
    classes = send(state, "lnk/client", url).classes(
        lambda outcome: str(outcome).removesuffix(" from lnk/web")
    )
    return {label: tuple(map(str, bounds(share))) for label, share in classes.items()}


def always(text):
    return (text, text)


MUTE = changes.apply(WORLD, app("lnk/mute", "l5d/echo:v1", 9999))
ONE_IN_EIGHT = (
    "dstOverrides: [{authority: web.lnk.svc.cluster.local, weight: 7}, "
    "{authority: mute.lnk.svc.cluster.local, weight: 1}]"
)
"""One request in eight goes to a pod that listens elsewhere: its proxy answers 502."""


def budget(ratio=0.2, least=10, ttl="10s", extra=ONE_IN_EIGHT):
    written = f"retryBudget: {{minRetriesPerSecond: {least}, retryRatio: {ratio}, ttl: {ttl}}}"
    return profile(f"routes: [{RETRIED}], {extra}, {written}")


@pytest.mark.parametrize(
    ("made", "query", "expected"),
    [
        # 1/7 of the requests are retries, which the ratio covers.
        (budget(), "", {"200": always("1")}),
        # A third of a success for each retry: the proxy rounds 1/0.15 down to 6.
        (budget(0.15), "", {"200": always("1")}),
        (budget(0.1), "", {"200": ("7/8", "1"), "502": ("0", "1/8")}),
        (budget(0.1, 0), "", {"200": ("7/8", "1"), "502": ("0", "1/8")}),
        # The reserve alone covers one retry.
        (budget(0.2, 1, "1s"), "", {"200": ("63/64", "1"), "502": ("0", "1/64")}),
        # The proxy takes no such budget, and sends nothing again.
        (budget(0.2, 10, "61s"), "", {"200": always("7/8"), "502": always("1/8")}),
        (budget(0.2, 10, "500ms"), "", {"200": always("7/8"), "502": always("1/8")}),
        (budget(1001), "", {"200": always("7/8"), "502": always("1/8")}),
        # All fail, and sending again doesn't help.
        (budget(extra="dstOverrides: []"), "?status=500", {"500": always("1")}),
        (budget(extra="dstOverrides: []"), "?flaky=2", {"200": ("1/2", "1"), "500": ("0", "1/2")}),
    ],
)
def test_a_retry_budget(made, query, expected):
    assert shares(changes.apply(MUTE, [made]), f"http://web/{query}") == expected


def accruing(mode, name="lnk/web", **more):
    entries = {ACCRUAL: mode} | {key: value for key, value in more.items() if key.startswith("balancer")}
    spec = f"{{selector: {{app: {name.rpartition('/')[2]}}}, ports: [{{port: 80, targetPort: 8080}}]}}"
    return resource("Service", name, spec, annotations=entries)


OFTEN_OUT = {"500": ("0", "1"), "503": ("0", "1"), "504": ("0", "1")}


@pytest.mark.parametrize(
    ("mode", "settings", "query", "expected"),
    [
        ("consecutive", {}, "", {"200": always("1")}),
        ("consecutive", {}, "?status=404", {"404": always("1")}),
        ("consecutive", {}, "?status=500", OFTEN_OUT),
        ("consecutive", {}, "?status=429", {"429": always("1")}),
        (
            "consecutive",
            {},
            "?flaky=4",
            {"200": ("0", "1/4"), "500": ("0", "3/4"), "503": ("0", "1"), "504": ("0", "1")},
        ),
        ("consecutive", {"-consecutive-max-failures": "0"}, "?status=500", {"500": always("1")}),
        ("consecutive", {"-consecutive-max-failures": "few"}, "?status=500", {"500": always("1")}),
        ("consecutive", {"-consecutive-min-penalty": "2m"}, "?status=500", {"500": always("1")}),
        ("sometimes", {}, "?status=500", {"500": always("1")}),
        ("unified", {}, "?status=500", OFTEN_OUT),
        ("unified", {}, "?status=429", {"429": ("0", "1"), "503": ("0", "1"), "504": ("0", "1")}),
        ("unified", {"threshold": "0"}, "?status=429", {"429": always("1")}),
        ("unified", {"threshold": "0"}, "?status=500", OFTEN_OUT),
        ("unified", {"threshold": "1.1"}, "?status=500", {"500": always("1")}),
        ("unified", {"threshold": "1_0"}, "?status=500", {"500": always("1")}),
        ("unified", {"window": "9ms"}, "?status=500", {"500": always("1")}),
        ("unified", {"window": "9ms", "threshold": "0"}, "?status=500", OFTEN_OUT),
        ("unified", {"min-requests": "1000001"}, "?status=500", {"500": always("1")}),
    ],
)
def test_failure_accrual(mode, settings, query, expected):
    entries = {
        f"{ACCRUAL}{key}" if key.startswith("-") else f"{RATE}-{key}": value
        for key, value in settings.items()
    }
    state = changes.apply(WORLD, [accruing(mode, **entries)])
    assert shares(state, f"http://web/{query}") == expected


def test_a_service_profile_takes_no_endpoint_out():
    made = [accruing("consecutive"), profile("routes: [{name: r, condition: {method: GET}}]")]
    assert shares(changes.apply(WORLD, made), "http://web/?status=500") == {"500": always("1")}


def test_what_is_out_leaves_its_share_to_the_others():
    """The route's second backend has no server on its port; the accrual is that of the Service dialled."""
    shut = resource("Service", "lnk/shut", "{selector: {app: v2}, ports: [{port: 80, targetPort: 9999}]}")
    split = "{backendRefs: [{name: web, port: 80, weight: 3}, {name: shut, port: 80, weight: 1}]}"
    state = changes.apply(WORLD, [accruing("consecutive"), shut, route(split)])
    assert shares(state, "http://web/") == {
        "200": ("3/4", "1"),
        "502": ("0", "1/4"),
        "503": ("0", "1/4"),
        "504": ("0", "1/4"),
    }
    assert shares(state, "http://web/?status=500") == {
        "500": ("0", "1"), "502": ("0", "1"), "503": ("0", "1"), "504": ("0", "1")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "query", "result"),
    [
        (200, "", Result.PASS),
        (200, "?status=500", Result.FAIL),
        (500, "?status=500", Result.INCONCLUSIVE),
        (503, "?status=500", Result.INCONCLUSIVE),
        (404, "?status=500", Result.FAIL),
    ],
)
def test_verdicts(status, query, result):
    state = changes.apply(WORLD, [accruing("consecutive")])
    url = f"http://web/{query}"
    check = Response.model_validate({"from": "lnk/client", "to": url, "status": status})
    provider = ModelProvider()
    provider.state = state
    assert check.judge(Ground(provider)).result is result


def test_bounds_add_up_and_narrow_each_other():
    on = frozenset(("x",))
    half, some = Fraction(1, 2), Between(Fraction(0), Fraction(0), Fraction(1, 2), on)
    assert half * some == some * half == Between(Fraction(0), Fraction(0), Fraction(1, 4), on)
    assert half + some == some + half == Between(half, half, Fraction(1), on)
    assert some != Fraction(0)
    assert bool(some)
    assert narrowed({"a": half, "b": some, "c": some})["b"] == some
    assert narrowed({"a": half + some, "b": Between(half, Fraction(0), Fraction(1), on)})["b"] == Between(
        half, Fraction(0), half, on
    )
    with pytest.raises(TypeError, match="have no bounds together"):
        1 - some
