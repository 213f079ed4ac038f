"""What an expectation turned out to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.observables import Basis
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.traffic.statistics import Share
    from harness.traffic.trace import Trace

UNKNOWN = "not known"
"""The class of outcomes that don't tell what was asked; it makes a verdict inconclusive."""

NOT_PREDICTED = "not predicted: "
"""What `predicted` begins with where the model can't say, followed by the reason."""


class Result(StrEnum):
    """Pass, fail, or inconclusive: what can't be shown either way is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Explanation:
    """Why a class of outcomes came about, as the model traces it."""

    label: str
    trace: Trace


@dataclass(frozen=True)
class Call:
    """Equal requests that a verdict is about, and what came back: a sample, or what the model decides.

    Beside a cluster's sample `predicted` is what the model decides of the same request, if it was asked.
    """

    request: Request
    outcomes: Outcomes
    predicted: Outcomes | None = None


@dataclass(frozen=True)
class Verdict:
    """An expectation's result with its evidence.

    `expected` and `seen` are for reading, `shares` holds the figures behind them; `n` is the
    number of requests that counted (None where the model decided, or where none was needed).
    On a cluster `predicted` says what the model makes of the same objects, or why it can't say;
    `drift` how that differs from what was seen, empty where nothing proves that it does.
    """

    result: Result
    basis: Basis
    expected: str
    seen: str
    n: int | None = None
    shares: tuple[Share, ...] = ()
    evidence: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    predicted: str = ""
    drift: str = ""
    timeline: Mapping[str, Any] | None = None
    """What happened in a transition, as `Timeline.as_json` tells it."""
    moments: tuple[Share, ...] = ()
    """What the model predicts in a transition: for each state on the way, the share that succeeds."""
    call: Call | None = None
