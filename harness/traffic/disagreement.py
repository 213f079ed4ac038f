"""Does a cluster's sample differ from the model's distribution?"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.traffic.statistics import compare_sample
from harness.traffic.trace import Action, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.base.settings import Confidence
    from harness.traffic.outcomes import Group, Outcome, Outcomes


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
    among which the model leaves the shares open count as one.
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
    comparison = compare_sample(_joined(likely, together), _joined(seen, together), confidence)
    if comparison.holds is not False:
        return ""
    wrong = [share for share in comparison.shares if share.expected != share.seen]
    differences = "; ".join(
        f"{share.label}: {share.expected:.4g} predicted, {share.seen:.4g} observed" for share in wrong
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
    for members in by_step.values():
        joined = frozenset[str]().union(*(together[member] for member in members))
        together |= dict.fromkeys(joined, joined)
    return {label: " or ".join(sorted(joined)) for label, joined in together.items()}


def _joined(weights: Mapping[str, Fraction], together: Mapping[str, str]) -> dict[str, Fraction]:
    joined: dict[str, Fraction] = {}
    for label, weight in weights.items():
        name = together.get(label, label)
        joined[name] = joined.get(name, Fraction()) + weight
    return joined
