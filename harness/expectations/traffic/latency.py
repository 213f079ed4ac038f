"""`latency`: how long an answer takes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from harness.expectations.base import UNKNOWN, Ground, Probing
from harness.expectations.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.outcomes import Outcome


class Latency(Probing):
    """Every answer takes at least and at most so long; a failure is no answer."""

    kind: ClassVar[str] = "latency"

    at_least: Seconds | None = None
    at_most: Seconds | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Latency:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most, or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most")
        return self

    @property
    def label(self) -> str:
        """The class of the answers that are as they must be."""
        low = f"at least {self.at_least:g} s" if self.at_least is not None else ""
        high = f"at most {self.at_most:g} s" if self.at_most is not None else ""
        return " and ".join(part for part in (low, high) if part)

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {self.label: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        if outcome.failure is not None:
            return str(outcome)
        low, high = self.at_least or 0.0, self.at_most if self.at_most is not None else float("inf")
        if low <= outcome.seconds <= high:
            return self.label
        tenth = math.floor(outcome.seconds * 10) / 10
        return f"{tenth:.1f} to {tenth + 0.1:.1f} s"

    def compared(self, outcome: Outcome) -> str:
        """Which side of the bounds an answer is on: a cluster's seconds are never the model's to a tenth."""
        found = self.classify(outcome)
        if found in (self.label, UNKNOWN) or outcome.failure is not None:
            return found
        return "too soon" if outcome.seconds < (self.at_least or 0.0) else "too late"
