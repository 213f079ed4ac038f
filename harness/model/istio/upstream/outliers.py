"""Outlier detection: an Envoy leaves an endpoint out for a while that fails, for all requests to it.

When it does depends on what other requests got. So an endpoint that may fail is there or not, and shares have
bounds. Istio switches Envoy's panic off: where all are out, nobody answers, unless there are endpoints that
are farther [istio/istio: applyOutlierDetection].
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branch, rebalanced, shares
from harness.traffic.between import Between
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.api.istio.destination_rule import OutlierDetection
    from harness.model.distribution import Branches
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.message import Answers, Message
    from harness.traffic.outcomes import Outcome

_GATEWAY_ERRORS = (502, 503, 504)
_STAYS = frozenset[str]()
_EJECTED = 10
"""The share of endpoints in percent that is left out at most by default [Envoy: OutlierDetection]."""

Choice = tuple[int, "Answers"]


def picking(policy: Policy, choices: Sequence[tuple[Fraction, Choice]]) -> Branches[Choice]:
    """Returns the distribution by which endpoints are picked, each with a number and what it answers."""
    detection = policy.outlier_detection
    if detection is None or not any(may_fail(policy, answers) for _, (_, answers) in choices):
        return shares((weight, choice, ()) for weight, choice in choices)
    on = frozenset((_words(detection),))
    return rebalanced(
        (weight, choice, (), on if may_fail(policy, choice[1]) else _STAYS) for weight, choice in choices
    )


def seldom(policy: Policy) -> Fraction:
    """Returns the share of what is used only while endpoints are out: none of a request alone."""
    detection = policy.outlier_detection
    on = frozenset((_words(detection),) if detection is not None else ())
    return Between(Fraction(0), Fraction(0), Fraction(1), on)


def outage(policy: Policy, message: Message, endpoints: Iterable[Answers], number: int) -> Answers:
    """Returns what a request gets while all of a number of endpoints are out, if they may be."""
    detection = policy.outlier_detection
    if detection is None or not all(may_fail(policy, answers) for answers in endpoints):
        return ()
    # One more is left out as long as those that are out are less than this share of all.
    if ceil(Fraction(number * (detection.max_ejection_percent or _EJECTED), 100)) < number:
        return ()
    why = step(detection.resource, detection.path, Action.EJECTED, "may have left out all endpoints")
    return (Branch(seldom(policy), replies.envoy(message, 503, "no healthy upstream"), (why,)),)


def counted(policy: Policy, outcome: Outcome) -> Step | None:
    """Returns what outlier detection makes of an answer, None if it counts none."""
    detection = policy.outlier_detection
    if detection is None or not _is_failure(detection, outcome):
        return None
    text = (
        "counts this answer as a failure: after some in a row the pod is left out for a time; how many "
        "requests get it depends on others"
    )
    return step(detection.resource, detection.path, Action.EJECTED, text)


def may_fail(policy: Policy, answers: Answers) -> bool:
    """Returns whether an endpoint may give an answer that counts as its failure."""
    detection = policy.outlier_detection
    return detection is not None and any(
        branch.weight and _is_failure(detection, branch.value) for branch in answers
    )


def _words(detection: OutlierDetection) -> str:
    """The setting, as shares name what moves them."""
    said = ", ".join(f"{key} {value}" for key, value in sorted(detection.data.items()))
    return f"outlierDetection ({said or 'its defaults'})"


def _is_failure(outliers: OutlierDetection, outcome: Outcome) -> bool:
    if outcome.external:
        return False
    if outcome.failure is not None:
        return True
    status = outcome.status or 0
    if outliers.error_codes:
        return status in outliers.error_codes
    server_errors = 5 if outliers.server_errors is None else outliers.server_errors
    gateway_errors = outliers.errors if outliers.gateway_errors is None else outliers.gateway_errors
    return bool((server_errors and status >= 500) or (gateway_errors and status in _GATEWAY_ERRORS))
