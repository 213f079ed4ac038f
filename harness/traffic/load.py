"""Background load: equal requests at a fixed rate while something else changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcome
    from harness.traffic.request import Request

BEFORE, AFTER = "before the first step", "after the last step"
"""What is under way while no step is."""


@dataclass(frozen=True)
class Load:
    """Equal requests, `rate` a second; each starts when its turn comes, whether or not earlier ones ended.

    Who has no answer after `patience` seconds gives up.
    """

    request: Request
    rate: float
    patience: float

    def __str__(self) -> str:
        return f"{self.request}, {self.rate:g}/s"


@dataclass(frozen=True)
class Shot:
    """What became of one request of a load; times are seconds since the load began.

    Its turn came `at`, its answer at `end`; `late` is by how much at most it started after its turn.
    Without an `outcome` it counts for nothing: `unknown` says what of the client's doing was in the way.
    """

    at: float
    end: float
    outcome: Outcome | None = None
    late: float = 0.0
    client: str = ""
    unknown: str = ""
