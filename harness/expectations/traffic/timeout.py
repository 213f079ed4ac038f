"""`timeout`: a proxy ends a request that takes too long."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from harness.expectations.base import UNKNOWN, Ground, Probing
from harness.expectations.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.outcomes import Outcome

EARLY, LATE = 0.1, 1.0
"""Seconds by which a timer may be early, and, unless it is said, an answer late."""

_DEADLINE_EXCEEDED = 4


def timed_out(outcome: Outcome) -> bool:
    """Returns whether a proxy's time limit ended the request: 504 in Envoy's words, or by Linkerd's proxy.

    An application's own 504, and a proxy that couldn't connect in time, are something else.
    """
    words = outcome.body or outcome.header("grpc-message") or ""
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        ended = outcome.status == 504 or outcome.grpc_status == _DEADLINE_EXCEEDED
        return ended and "connect" not in error
    return words == "upstream request timeout"


class Timeout(Probing):
    """A proxy's time limit ends every request `after` so long, and `at_most` so late (else by a second)."""

    kind: ClassVar[str] = "timeout"

    after: Seconds
    at_most: Seconds | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.at_most is not None and self.at_most < self.after:
            raise ValueError("at_most is less than after")
        return self

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {self._label: Fraction(1)}

    @property
    def _label(self) -> str:
        return f"ended after {self.after:g} s"

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        tenth = math.floor(outcome.seconds * 10) / 10
        if not timed_out(outcome):
            return f"{outcome}, not ended by a time limit"
        latest = self.after + LATE if self.at_most is None else self.at_most
        in_time = self.after - EARLY <= outcome.seconds <= latest
        return self._label if in_time else f"ended after {tenth:.1f} to {tenth + 0.1:.1f} s"
