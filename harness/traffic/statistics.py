"""Is what came back what was expected? Exact for the model, by exact tests for a sample.

The test is sequential: a sample is looked at, then grown until it decides. At each look
each class of outcomes is compared with its expected share by exact binomial tests:

- *fail* if a share this far off (either side) is less probable than the false-fail rate,
  divided by the number of looks and classes (Bonferroni, so the rate holds for all of them);
- *pass* if every share at least `deviation` away is less probable than the false-pass rate,
  divided likewise;
- else the sample grows. The last look is large enough that one of the two holds, so what
  isn't a pass there is a failure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.settings import Confidence


@dataclass(frozen=True)
class Share:
    """One class of outcomes: its expected and its seen share, and the seen one's interval.

    `seen` is a probability where the outcomes are exact, and then `interval` is None.
    """

    label: str
    expected: float
    seen: float
    count: int | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Comparison:
    """What the comparison says: True holds, False doesn't hold, None needs more requests."""

    holds: bool | None
    shares: tuple[Share, ...]


def normalised(weights: Mapping[str, float]) -> dict[str, Fraction]:
    """Returns the weights as shares of their sum; raises ValueError if the sum isn't positive."""
    if not all(map(math.isfinite, weights.values())):
        raise ValueError("weights must be finite numbers")
    exact = {label: Fraction(str(weight)) for label, weight in weights.items()}
    total = sum(exact.values())
    if total <= 0 or any(weight < 0 for weight in exact.values()):
        raise ValueError("weights must be positive or zero, and not all zero")
    return {label: weight / total for label, weight in exact.items()}


def looks(confidence: Confidence) -> tuple[int, ...]:
    """Returns the sample sizes at which the test looks, each twice the one before."""
    sizes = [confidence.first]
    while sizes[-1] * 2 <= confidence.most:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes)


def compare_exact(expected: Mapping[str, Fraction], seen: Mapping[str, Fraction]) -> Comparison:
    """Compares probabilities: they hold if they are equal."""
    shares = tuple(
        Share(label, float(expected.get(label, 0)), float(seen.get(label, 0)))
        for label in _labels(expected, seen)
    )
    holds = all(expected.get(s.label, Fraction()) == seen.get(s.label, Fraction()) for s in shares)
    return Comparison(holds, shares)


def compare_sample(
    expected: Mapping[str, Fraction], seen: Mapping[str, Fraction], confidence: Confidence
) -> Comparison:
    """Compares a sample's counts with the expected shares at one look of the sequential test."""
    n = int(sum(seen.values()))
    labels = _labels(expected, seen)
    tests = len(looks(confidence)) * (1 if len(labels) <= 2 else len(labels))  # of two, one tells the other
    failed, passed, shares = False, True, []
    for label in labels:
        share, count = float(expected.get(label, 0)), int(seen.get(label, 0))
        failed |= (
            2 * min(_at_most(count, n, share), at_least(count, n, share)) * tests < confidence.false_fail
        )
        below, above = share - confidence.deviation, share + confidence.deviation
        if below >= 0:
            passed &= at_least(count, n, below) * tests < confidence.false_pass
        if above <= 1:
            passed &= _at_most(count, n, above) * tests < confidence.false_pass
        shares.append(Share(label, share, count / n, count, interval(count, n)))
    last = n >= looks(confidence)[-1]
    holds = False if failed else True if passed else False if last else None
    return Comparison(holds, tuple(shares))


def interval(count: int, n: int, level: float = 0.999) -> tuple[float, float]:
    """Returns the Clopper-Pearson interval of a share, of which `count` of `n` were seen."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def _at_most(count: int, n: int, share: float) -> float:
    """The probability of `count` or fewer of `n`."""
    from scipy.special import bdtr  # scipy takes long to import, and the model never needs it

    return float(bdtr(count, n, share))


def at_least(count: int, n: int, share: float) -> float:
    """The probability of `count` or more of `n`."""
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, n, share)) if count else 1.0


def _labels(expected: Mapping[str, Fraction], seen: Mapping[str, Fraction]) -> list[str]:
    return list(dict.fromkeys((*expected, *(label for label, weight in seen.items() if weight))))
