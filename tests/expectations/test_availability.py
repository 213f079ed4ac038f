"""`available`: how it is written, and what a timeline or a forecast makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from pydantic import ValidationError

from harness.base.errors import HarnessError
from harness.base.vocabulary import Workload
from harness.expectations import DURING, Ground, Result
from harness.traffic.load import BEFORE, Forecast, Load, Moment, Shot
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes
from harness.traffic.request import Request
from harness.traffic.timeline import Phase, PodChange, Timeline, TransitionStep
from harness.traffic.trace import Action, built_in
from tests.scripted import Scripted

WRITTEN = {"from": "shop/web", "to": "http://cart/"}
GOOD = Outcome(200, seconds=0.1)
BAD = Outcome(503, headers=(("server", "envoy"),))
SLOW = Outcome(200, seconds=3.0)
DOWN = Outcome(failure=Failure.REFUSED, detail="Failed to connect after 12 ms: refused (curl 7)")
RATE = 20.0


def available(**more):
    return DURING["available"].model_validate({**WRITTEN, **more})


def timeline(*shots: Shot) -> Timeline:
    load = Load(Request(Workload("shop", "web"), "http://cart/"), RATE, 10)
    steps = (TransitionStep(BEFORE, 0, 2), TransitionStep("apply a", 2, 60))
    return Timeline(load, "", steps, (PodChange(3, "shop/cart-1", Phase.STOPPING),), shots)


def shots(count: int, *rest: Outcome, late: float = 0.0) -> list[Shot]:
    outcomes = [GOOD] * count + list(rest)
    return [Shot(i / RATE, i / RATE + 0.1, one, late) for i, one in enumerate(outcomes)]


def ground(course) -> Ground:
    basis = Basis.PREDICTED if isinstance(course, Forecast) else Basis.OBSERVED
    return Ground(Scripted({}, basis), course=course)


@pytest.mark.parametrize(
    ("name", "written", "words"),
    [
        ("rate without unit", {"rate": 20}, "20 isn't a rate: write 20/s"),
        ("rate of another unit", {"rate": "20/m"}, "'20/m' isn't a rate: write 20/s"),
        ("no rate", {"rate": "0/s"}, "more than 0 and at most 50/s"),
        ("too high a rate", {"rate": "51/s"}, "more than 0 and at most 50/s"),
        ("share without unit", {"success": 0.99}, "0.99 isn't a share: write 100% or 99.5%"),
        ("more than all", {"success": "101%"}, "more than 0% and at most 100%"),
        ("nothing", {"success": "0%"}, "more than 0% and at most 100%"),
        ("a bound without unit", {"within": 2}, "2 isn't a duration"),
        ("an unknown key", {"weights": {}}, "weights"),
    ],
)
def test_wrong_ways_to_write_it(name, written, words):
    with pytest.raises(ValidationError, match=words):
        available(**written)


def test_defaults():
    one = available()
    assert (one.rate, one.success, one.within) == (20.0, Fraction(1), None)
    assert one.load().patience == 10
    assert available(within="30s").load().patience == 60


ALL, MOST = {}, {"success": "99%"}


@pytest.mark.parametrize(
    ("name", "written", "sent", "result", "seen"),
    [
        ("all succeed", ALL, shots(200), Result.PASS, "200 of 200 succeed in 60 s"),
        ("one fails", ALL, shots(199, BAD), Result.FAIL, r"199 of 200 succeed \(1 × 503 \(envoy\)\)"),
        ("no answer", ALL, shots(199, DOWN), Result.FAIL, r"1 × Failed to connect: refused \(curl 7\)"),
        ("few enough fail", MOST, shots(199, BAD), Result.PASS, "199 of 200"),
        ("far too many fail", MOST, shots(150, *[BAD] * 50), Result.FAIL, "150 of 200"),
        ("too many, perhaps", MOST, shots(197, *[BAD] * 3), Result.INCONCLUSIVE, "197 of 200"),
        ("slow ones don't count as failures", ALL, shots(199, SLOW), Result.PASS, "slowest after 3.00 s"),
        ("unless there is a bound", {"within": "2s"}, shots(199, SLOW), Result.FAIL, "1 × answered after"),
        ("too few", ALL, shots(19), Result.INCONCLUSIVE, "19 of 19"),
        ("too few, and one failed", ALL, shots(18, BAD), Result.FAIL, "18 of 19"),
        ("none", ALL, [], Result.INCONCLUSIVE, "no request was sent"),
        ("late, but answered", ALL, shots(200, late=1.5), Result.PASS, "200 of 200"),
        (
            "a late failure may be the client's",
            ALL,
            [*shots(200), Shot(11, 14, BAD, late=2.0)],
            Result.PASS,
            "200 of 200",
        ),
        (
            "many late failures may be the client's",
            ALL,
            [*shots(200), *[Shot(11, 14, BAD, late=2.0)] * 30],
            Result.INCONCLUSIVE,
            "200 of 200",
        ),
        (
            "the client was away for a moment",
            ALL,
            [*shots(200), Shot(11, 11, unknown="shop/web-1 was ending")],
            Result.PASS,
            "200 of 200",
        ),
        (
            "the client was away for long",
            ALL,
            [*shots(200), *[Shot(11, 11, unknown="shop/web-1 was ending")] * 30],
            Result.INCONCLUSIVE,
            "200 of 200",
        ),
    ],
)
def test_verdicts_on_a_timeline(name, written, sent, result, seen):
    verdict = available(**written).judge(ground(timeline(*sent)))
    assert verdict.result is result, verdict
    assert verdict.basis is Basis.OBSERVED
    assert re.search(seen, verdict.seen), verdict.seen


def test_a_verdict_says_when_and_beside_which_pods_requests_failed_and_were_not_sent():
    sent = [*shots(80), Shot(4, 4.1, BAD), *[Shot(5, 5, unknown="shop/web-1 was ending")] * 20]
    verdict = available().judge(ground(timeline(*sent)))
    assert verdict.result is Result.FAIL
    assert verdict.evidence == (
        "failed at 4.00 s, during `apply a`: 1 × 503 (envoy) (shop/cart-1 stopping)",
        "undecided: the client missed 20 of 101 turns: choose one that isn't restarted, or a lower rate",
        "not known of 20 turns, 5.00 s to 5.05 s: shop/web-1 was ending",
    )
    assert verdict.timeline is not None
    assert len(verdict.timeline["failed"]) == 1


def moment(when: str, *outcomes: tuple[Outcome, float]) -> Moment:
    groups = tuple(
        Group(one, Fraction(str(share)), (built_in(Action.MATCHED, "why {}", str(one)),))
        for one, share in outcomes
    )
    return Moment(when, "apply a", Outcomes(groups), (built_in(Action.RESTARTED, "a rolling restart"),))


@pytest.mark.parametrize(
    ("name", "written", "moments", "result", "seen"),
    [
        ("all", ALL, [moment("a", (GOOD, 1))], Result.PASS, "all succeed in each of 1 states on the way"),
        (
            "one state fails",
            ALL,
            [moment("a", (GOOD, 1)), moment("b", (GOOD, 0.5), (BAD, 0.5))],
            Result.FAIL,
            "b: succeeds 50 %, 503 (envoy) 50 %",
        ),
        ("few enough", MOST, [moment("a", (GOOD, 0.995), (BAD, 0.005))], Result.PASS, "enough succeed"),
        ("it leads outside", ALL, [moment("a", (Outcome(external="x:80"), 1))], Result.INCONCLUSIVE, ""),
    ],
)
def test_verdicts_on_a_forecast(name, written, moments, result, seen):
    verdict = available(**written).judge(ground(Forecast(tuple(moments))))
    assert (verdict.result, verdict.basis) == (result, Basis.PREDICTED)
    assert verdict.seen.startswith(seen)


def test_a_forecast_that_fails_has_the_traces_of_its_first_failing_state():
    bad = moment("after `apply a`", (GOOD, 0.5), (BAD, 0.5))
    verdict = available().judge(ground(Forecast((moment("before", (GOOD, 1)), bad, bad))))
    [why] = verdict.explanations
    assert why.label == "503 (envoy) after `apply a`"
    assert [str(reason) for reason in why.trace] == ["a rolling restart", "why 503"]
    assert verdict.evidence == ("also after `apply a`: succeeds 50 %, 503 (envoy) 50 %",)


@pytest.mark.parametrize(
    ("forecast", "predicted"),
    [
        (Forecast((moment("after `x`", (BAD, 1)),)), "after `x`: 503 (envoy) 100 %"),
        (Forecast((), "it isn't modelled"), "not predicted: it isn't modelled"),
        (None, ""),
    ],
)
def test_the_prediction_stands_beside_what_was_seen(forecast, predicted):
    beside = replace(ground(timeline(*shots(200))), shadow_course=forecast)
    verdict = available().judge(beside)
    assert (verdict.result, verdict.predicted) == (Result.PASS, predicted)


def test_without_a_transition_there_is_nothing_to_judge():
    with pytest.raises(HarnessError, match="nothing was sent"):
        available().judge(Ground(Scripted({})))
