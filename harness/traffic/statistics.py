"""Is what came back what was expected, or predicted? Exact for the model, by exact tests for a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.traffic.between import Between, bounds
from harness.traffic.sequential import clustered, fails, passes, plan, tolerance
from harness.traffic.trace import Action, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.base.settings import Confidence
    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.sequential import Plan

LOOKS = 16
"""At so many looks at most a sample may end that is compared with the model's shares."""


@dataclass(frozen=True)
class Share:
    """One class of outcomes: its expected and its seen share, and the seen one's interval.

    `seen` is a probability where the outcomes are exact; then `count` is None, and so is `interval`, unless
    other requests can move the share: then these are its bounds.
    """

    label: str
    expected: float
    seen: float
    count: int | None = None
    interval: tuple[float, float] | None = None

    @property
    def words(self) -> str:
        """What was seen, in percent."""
        if self.count is None and self.interval is not None:
            low, high = (f"{100 * bound:.4g} %" for bound in self.interval)
            return f"{self.label} between {low} and {high}"
        return f"{self.label} {100 * self.seen:.4g} %"


@dataclass(frozen=True)
class Comparison:
    """What the comparison says: True holds, False doesn't hold, None isn't decided.

    A sample may decide when it is larger, bounds never do.
    """

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


def looks(expected: Mapping[str, Fraction], confidence: Confidence) -> tuple[int, ...]:
    """Returns the sample sizes at which the test looks; raises InputError if it takes too many requests."""
    return _plan(expected, confidence).looks


def _plan(expected: Mapping[str, Fraction], confidence: Confidence) -> Plan:
    return plan(tuple(map(float, expected.values())), confidence)


def compare_exact(expected: Mapping[str, Fraction], seen: Mapping[str, Fraction]) -> Comparison:
    """Compares probabilities: they hold if they are equal, and don't where that is out of bounds."""
    labels = _labels(expected, seen)
    wanted, found = ({label: part.get(label, Fraction()) for label in labels} for part in (expected, seen))
    shares = tuple(_exact(label, wanted[label], found[label]) for label in labels)
    possible = all(low <= wanted[label] <= high for label in labels for low, high in (bounds(found[label]),))
    moved = any(isinstance(share, Between) for share in found.values())
    return Comparison(None if possible and moved else possible, shares)


def _exact(label: str, expected: Fraction, seen: Fraction) -> Share:
    low, high = map(float, bounds(seen))
    return Share(label, float(expected), float(seen), interval=(low, high) if low < high else None)


def compare_sample(
    expected: Mapping[str, Fraction], seen: Mapping[str, Fraction], confidence: Confidence
) -> Comparison:
    """Compares a sample's counts with the expected shares at one look of the sequential test."""
    n = int(sum(seen.values()))
    ahead = _plan(expected, confidence)
    failed, passed, shares = False, True, []
    for label in _labels(expected, seen):
        share, count = float(expected.get(label, 0)), int(seen.get(label, 0))
        failed |= fails(count, n, share, ahead.fail_level)
        passed &= passes(count, n, share, tolerance(share, confidence), ahead.pass_level)
        shares.append(Share(label, share, count / n, count, interval(count, n)))
    last = n >= ahead.looks[-1]
    holds = False if failed else True if passed else False if last else None
    return Comparison(holds, tuple(shares))


def correlated(
    outcomes: Outcomes,
    classify: Callable[[Outcome], str],
    confidence: Confidence,
    expected: Mapping[str, Fraction],
) -> bool:
    """Returns whether a sample's answers depend on each other, as those over one connection may.

    Then a test of shares says nothing, unless each is asked for over a connection of its own.
    """
    if sum(1 for share in expected.values() if share) < 2:
        return False
    if any(group.weight != 1 for group in outcomes.groups):  # counted, not told one by one
        return False
    labels = [classify(group.outcome) for group in outcomes.groups]
    return clustered(labels, {label: float(share) for label, share in expected.items()}, confidence)


def interval(count: int, n: int, level: float = 0.999) -> tuple[float, float]:
    """Returns the Clopper-Pearson interval of a share, of which `count` of `n` were seen."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def _labels(expected: Mapping[str, Fraction], seen: Mapping[str, Fraction]) -> list[str]:
    return list(dict.fromkeys((*expected, *(label for label, weight in seen.items() if weight))))


def disagreement(
    predicted: Outcomes,
    observed: Outcomes,
    classify: Callable[[Outcome], str],
    confidence: Confidence,
    unknown: str,
) -> str:
    """Returns how a sample differs from the model's distribution; empty if nothing proves that it does.

    Shares are compared as those of an expectation are, at its false-fail rate. What one side can't tell
    isn't compared: outcomes of the class `unknown`, and who answered where no answer says so. Classes
    among which the model leaves the shares open, or other requests move them, count as one.
    """
    named = _named(observed)

    def label(outcome: Outcome) -> str:
        comparable = outcome if named(outcome) else replace(outcome, backend=None)
        # Each side words its failures in its own way.
        return classify(replace(comparable, detail="") if outcome.failure else comparable)

    seen, likely = observed.classes(label), predicted.classes(label)
    if unknown in seen or unknown in likely:
        return ""
    together = _together(predicted.groups, label)
    expected, counts = _joined(likely, together), _joined(seen, together)
    n, labels = int(sum(counts.values())), _labels(expected, counts)
    shares = [(label, float(expected.get(label, 0)), int(counts.get(label, 0))) for label in labels]
    level = confidence.false_fail / LOOKS / len(labels)
    if not any(fails(count, n, share, level) for _, share, count in shares):
        return ""
    differences = "; ".join(
        f"{label}: {share:.4g} predicted, {count / n:.4g} observed"
        for label, share, count in shares
        if share != count / n
    )
    return f"{differences}, in {observed.n} requests"


def _named(observed: Outcomes) -> Callable[[Outcome], bool]:
    """Whether an outcome's backend may be compared: every answer of its status on the cluster names one.

    Without a name there, a proxy may have answered, or an application that doesn't say who it is.
    """
    anonymous = {group.outcome.status for group in observed.groups if group.outcome.backend is None}
    return lambda outcome: outcome.status not in anonymous


def _together(groups: tuple[Group, ...], label: Callable[[Outcome], str]) -> dict[str, str]:
    """One name for all classes among which the model says that shares aren't specified."""
    together: dict[str, frozenset[str]] = {}
    by_step: dict[Step, set[str]] = {}
    for group in groups:
        own = label(group.outcome)
        together.setdefault(own, frozenset((own,)))
        for step in group.trace:
            if step.action is Action.LEFT_OPEN:
                by_step.setdefault(step, set()).add(own)
    moved = {label(group.outcome) for group in groups if isinstance(group.weight, Between)}
    for members in (*by_step.values(), moved):
        joined = frozenset[str]().union(*(together[member] for member in members))
        together |= dict.fromkeys(joined, joined)
    return {label: " or ".join(sorted(joined)) for label, joined in together.items()}


def _joined(weights: Mapping[str, Fraction], together: Mapping[str, str]) -> dict[str, Fraction]:
    joined: dict[str, Fraction] = {}
    for label, weight in weights.items():
        name = together.get(label, label)
        joined[name] = joined.get(name, Fraction()) + Fraction(weight.numerator, weight.denominator)
    return joined
