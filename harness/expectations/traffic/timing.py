"""`latency` and `timeout`: how long an answer takes, and whether a proxy ends what takes too long."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from harness.expectations.base import Probing
from harness.expectations.values import Seconds
from harness.expectations.verdict import UNKNOWN

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcome

EARLY, LATE = 0.1, 1.0
"""Seconds by which a timer may be early, and, unless it is said, an answer late."""

_DEADLINE_EXCEEDED = 4


class Latency(Probing):
    """Every answer takes at least and at most so long; a failure is no answer."""

    kind: ClassVar[str] = "latency"

    at_least: Seconds | None = None
    at_most: Seconds | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give at_least, at_most, or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most")
        return self

    @property
    def label(self) -> str:
        low = f"at least {self.at_least:g} s" if self.at_least is not None else ""
        high = f"at most {self.at_most:g} s" if self.at_most is not None else ""
        return " and ".join(filter(None, (low, high)))

    def class_of(self, outcome: Outcome) -> str:
        if outcome.failure is not None:
            return str(outcome)
        low, high = self.at_least or 0.0, self.at_most if self.at_most is not None else math.inf
        return self.label if low <= outcome.seconds <= high else _tenths(outcome)

    def compared(self, outcome: Outcome) -> str:
        """Which side of the bounds an answer is on: a cluster's seconds are never the model's to a tenth."""
        label = self.classify(outcome)
        if label in (self.label, UNKNOWN) or outcome.failure is not None:
            return label
        return "too soon" if outcome.seconds < (self.at_least or 0.0) else "too late"


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

    @property
    def label(self) -> str:
        return f"ended after {self.after:g} s"

    def class_of(self, outcome: Outcome) -> str:
        if not timed_out(outcome):
            return f"{outcome}, not ended by a time limit"
        latest = self.after + LATE if self.at_most is None else self.at_most
        in_time = self.after - EARLY <= outcome.seconds <= latest
        return self.label if in_time else f"ended after {_tenths(outcome)}"


def _tenths(outcome: Outcome) -> str:
    tenth = math.floor(outcome.seconds * 10) / 10
    return f"{tenth:.1f} to {tenth + 0.1:.1f} s"
