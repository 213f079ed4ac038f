"""What an expectation turned out to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.providers.base import Basis
    from harness.traffic.statistics import Share
    from harness.traffic.trace import Trace


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
class Verdict:
    """An expectation's result with its evidence.

    `expected` and `seen` are for reading, `shares` holds the figures behind them; `n` is the
    number of requests that counted (None where the model decided, or where none was needed).
    `predicted` says what the model makes of the same objects, on a cluster.
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
