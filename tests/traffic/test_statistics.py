from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.error_rates import rates
from harness.base.errors import InputError
from harness.base.settings import Confidence
from harness.traffic.sequential import clustered, tolerance, unseen
from harness.traffic.statistics import compare_exact, compare_sample, interval, looks, normalised

SURE = Confidence()
EVEN = normalised({"a": 50, "b": 50})


def run(share: float, expected: dict[str, Fraction], seed: int) -> tuple[bool, int]:
    """A whole sequential test of a coin whose `a` has this share; whether it holds, and its requests."""
    coin, count, n = random.Random(seed), 0, 0
    for size in looks(expected, SURE):
        count += sum(coin.random() < share for _ in range(size - n))
        n = size
        holds = compare_sample(expected, {"a": Fraction(count), "b": Fraction(n - count)}, SURE).holds
        if holds is not None:
            return holds, n
    raise AssertionError("the last look decides")


@pytest.mark.parametrize(
    ("share", "expected", "holds"),
    [
        pytest.param(0.5, EVEN, True, id="an even coin"),
        pytest.param(0.55, EVEN, False, id="5 points more"),
        pytest.param(0.45, EVEN, False, id="5 points less"),
        pytest.param(0.4, EVEN, False, id="40/60 instead of 50/50"),
        pytest.param(0.9, normalised({"a": 90, "b": 10}), True, id="90/10"),
        pytest.param(0.85, normalised({"a": 90, "b": 10}), False, id="85/15 instead of 90/10"),
        pytest.param(1.0, normalised({"a": 100, "b": 0}), True, id="all of it"),
        pytest.param(0.95, normalised({"a": 100, "b": 0}), False, id="all but 5 points"),
    ],
)
def test_the_sequential_test_decides_rightly(share, expected, holds):
    assert {run(share, expected, seed)[0] for seed in range(30)} == {holds}


def test_what_is_sure_needs_one_look():
    assert run(1.0, normalised({"a": 1}), 0) == (True, 200)


def test_one_surprise_fails_a_certainty():
    comparison = compare_sample(normalised({"a": 1}), {"a": Fraction(199), "b": Fraction(1)}, SURE)
    assert comparison.holds is False
    assert [(s.label, s.expected, s.count) for s in comparison.shares] == [("a", 1, 199), ("b", 0, 1)]


def test_a_small_sample_asks_for_more():
    assert compare_sample(EVEN, {"a": Fraction(104), "b": Fraction(96)}, SURE).holds is None


@pytest.mark.parametrize(
    ("seen", "holds"),
    [
        ({"a": Fraction(1, 2), "b": Fraction(1, 2)}, True),
        ({"a": Fraction(2, 5), "b": Fraction(3, 5)}, False),
        ({"a": Fraction(1, 2), "c": Fraction(1, 2)}, False),
        ({"a": Fraction(1, 2), "b": Fraction(49, 100), "c": Fraction(1, 100)}, False),
    ],
)
def test_exact_shares_must_be_equal(seen, holds):
    assert compare_exact(EVEN, seen).holds is holds


def test_a_weight_of_zero_may_be_absent():
    assert compare_exact(normalised({"a": 1, "b": 0}), {"a": Fraction(1)}).holds


@given(st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_what_was_seen(count: int, n: int):
    count = min(count, n)
    low, high = interval(count, n)
    assert 0 <= low <= count / n <= high <= 1


@given(
    st.dictionaries(st.text(min_size=1), st.integers(0, 1000), min_size=1).filter(lambda w: any(w.values()))
)
def test_shares_sum_to_one(weights: dict[str, int]):
    assert sum(normalised(weights).values()) == 1


@pytest.mark.parametrize("weights", [{"a": 0}, {"a": -1, "b": 2}, {}])
def test_weights_without_shares_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        normalised(weights)


@pytest.mark.parametrize(("off", "n"), [(0.001, 10_000), (0.05, 200), (0.1, 100), (0.2, 50)])
def test_what_always_holds_takes_one_look(off, n):
    for confidence in (Confidence(deviation=off), Confidence(unseen=off)):
        assert looks({"a": Fraction(1)}, confidence) == (n,)
        assert compare_sample({"a": Fraction(1)}, {"a": Fraction(n)}, confidence).holds is True
        assert unseen(n, confidence) <= off


@pytest.mark.parametrize(
    "values",
    [
        {name: value}
        for name in ("false_fail", "false_pass", "deviation", "most", "settle", "unseen")
        for value in (math.nan, math.inf, -math.inf, -1.0, *(() if name == "settle" else (0.0,)))
    ]
    + [{name: 2.0} for name in ("false_fail", "false_pass", "deviation", "unseen")],
    ids=str,
)
def test_settings_without_sense_are_refused(values):
    with pytest.raises(InputError, match="isn't a"):
        Confidence(**values)


@pytest.mark.parametrize(
    ("weights", "confidence", "requests"),
    [
        ({"a": 999, "b": 1}, SURE, "412,800"),
        ({"a": 1, "b": 1}, Confidence(deviation=0.005), "[89][0-9]{2},[0-9]{3}"),
        ({"a": 1, "b": 0}, Confidence(unseen=1e-6), "10,0[0-9]{2},[0-9]{3}|10,000,000"),
        ({"a": 1, "b": 1}, Confidence(deviation=1e-9), "more than 1,000,000,000"),
    ],
)
def test_what_takes_too_many_requests_is_refused_with_their_number(weights, confidence, requests):
    with pytest.raises(InputError, match=f"takes ({requests}) requests") as refused:
        looks(normalised(weights), confidence)
    if "more than" not in requests:
        number = int(refused.value.what.split()[-2].replace(",", ""))
        assert looks(normalised(weights), replace(confidence, most=number))[-1] == number


@pytest.mark.parametrize(
    ("expected", "confidence"),
    [
        (0.5, SURE),
        (0.99, SURE),
        (0.9, Confidence(deviation=0.03)),
        (0.7, Confidence(1e-3, 1e-2, 0.1)),
        (0.6, Confidence(0.5, 0.5, 0.3)),
        (0.05, Confidence(1e-9, 1e-5, 0.9)),
    ],
)
def test_the_rates_are_as_promised_exactly(expected, confidence):
    off = tolerance(expected, confidence)
    right = rates(expected, expected, confidence)
    assert right.fails <= confidence.false_fail
    assert right.passes + right.fails == pytest.approx(1, abs=1e-12)
    for truth in (expected - off, expected + off):
        assert rates(expected, truth, confidence).passes <= confidence.false_pass


@pytest.mark.parametrize("truth", [1.0, 0.98])
def test_a_canary_of_one_percent_is_told_from_none_and_from_twice_its_share(truth):
    assert rates(0.99, truth, SURE).passes < 1e-9
    assert rates(0.99, truth, SURE).most <= 40_000


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([label for _ in range(20) for label in "ab" * 5], False, id="round robin"),
        pytest.param(list("aabbabba" * 25), False, id="mixed"),
        pytest.param(["ab"[n % 2] for n in range(20) for _ in range(10)], True, id="by connection"),
        pytest.param(["a"] * 200, True, id="all of one class"),
        pytest.param(["a", "a"], False, id="too few to tell"),
    ],
)
def test_answers_that_follow_their_like_depend_on_each_other(labels, expected):
    assert clustered(labels, {"a": 0.5, "b": 0.5}, SURE) is expected
