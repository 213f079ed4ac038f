from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.settings import Confidence
from harness.traffic.statistics import compare_exact, compare_sample, interval, looks, normalised

SURE = Confidence()
EVEN = normalised({"a": 50, "b": 50})


def run(share: float, expected: dict[str, Fraction], seed: int) -> tuple[bool, int]:
    """A whole sequential test of a coin whose `a` has this share; whether it holds, and its requests."""
    coin, count, n = random.Random(seed), 0, 0
    for size in looks(SURE):
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
    assert run(1.0, normalised({"a": 1}), 0) == (True, SURE.first)


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


@pytest.mark.parametrize(
    ("deviation", "first"), [(0.01, 200), (0.05, 200), (0.1, 100), (0.2, 50), (0.9, 50), (0, 200)]
)
def test_the_first_look_is_smaller_where_less_must_be_told(deviation, first):
    confidence = Confidence(deviation=deviation)
    assert confidence.first == first
    if deviation >= 0.05:
        assert compare_sample({"a": Fraction(1)}, {"a": Fraction(first)}, confidence).holds is True
