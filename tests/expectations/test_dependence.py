"""Splits whose requests depend on each other: over connections that stick to one backend."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction

import pytest

from harness.base.settings import Confidence
from harness.expectations import KINDS, Result
from harness.expectations.base import DEPENDENT, Ground
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Group, Outcomes
from tests.expectations.test_expectations import APPS, CALL, OK, OK2
from tests.scripted import Scripted


@dataclass
class Sticking(Scripted):
    """20 clients share the requests, and each connection reaches one backend, chosen by its share of `first`."""

    first: float = 0.5
    by_address: bool = False
    """Whether even new connections are kept, by blocks of 10."""
    draw: random.Random = field(default_factory=lambda: random.Random(7))
    fresh: int = 0

    def send(self, request, count, *, witness=False):
        self.fresh += count * request.new_connection
        size = 1 if request.new_connection and not self.by_address else max(1, count // 20)
        groups: list[Group] = []
        while len(groups) < count:
            answer = OK if self.draw.random() < self.first else OK2
            groups += [Group(answer, Fraction(1))] * min(size, count - len(groups))
        return Outcomes(tuple(groups), count)


def judged(provider):
    ground = Ground(provider, APPS, confidence=Confidence(settle=0))
    return KINDS["split"].model_validate(CALL | {"weights": {"web": 1, "web2": 1}}).judge(ground)


@pytest.mark.parametrize(
    ("first", "result"),
    [pytest.param(0.5, Result.PASS, id="as expected"), pytest.param(0.4, Result.FAIL, id="10 points off")],
)
def test_a_split_over_sticking_connections_is_sampled_by_connection(first, result):
    for seed in range(5):
        provider = Sticking({}, Basis.OBSERVED, first=first, draw=random.Random(seed))
        assert judged(provider).result is result
        assert provider.fresh


def test_requests_that_cannot_be_made_independent_prove_nothing():
    verdict = judged(Sticking({}, Basis.OBSERVED, by_address=True))
    assert verdict.result is Result.INCONCLUSIVE
    assert DEPENDENT in verdict.evidence


def test_all_at_one_backend_fails():
    assert judged(Sticking({}, Basis.OBSERVED, first=1.0, by_address=True)).result is Result.FAIL


def test_what_always_holds_says_how_much_could_be_unseen():
    call = KINDS["response"].model_validate(CALL | {"status": 200, "unseen_at_most": "0.1%"})
    verdict = call.judge(Ground(Scripted({OK: 1}, Basis.OBSERVED), APPS, confidence=Confidence(settle=0)))
    assert (verdict.result, verdict.n) == (Result.PASS, 10_000)
    assert "up to 0.069 % could be otherwise and unseen (probability 0.001)" in verdict.evidence


@pytest.mark.parametrize("share", ["0%", "100%", "-1%", "nan%", "0.1", 0.1, 1, "1e-400%", []])
def test_a_share_without_sense_is_refused(share):
    with pytest.raises(ValueError, match="unseen_at_most"):
        KINDS["response"].model_validate(CALL | {"status": 200, "unseen_at_most": share})
