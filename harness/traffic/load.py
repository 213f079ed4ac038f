"""Background load: equal requests at a fixed rate while a stage changes, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.timeline import Timeline
    from harness.traffic.trace import Trace


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


@dataclass(frozen=True)
class Moment:
    """What the model predicts for one of the states that a transition goes through.

    `when` says which state it is, `step` the step that leads to it. `trace` tells what is special about it.
    """

    when: str
    step: str
    outcomes: Outcomes
    trace: Trace = ()


@dataclass(frozen=True)
class Forecast:
    """What the model predicts for a load: each state that the transition goes through, in order.

    There are none if it can't say, and `undecided` tells why.
    """

    moments: tuple[Moment, ...]
    undecided: str = ""


Course: TypeAlias = "Timeline | Forecast"
"""What became of a load: what was seen of it on a cluster, or what the model predicts."""


class Running(Protocol):
    """Loads that are being sent."""

    def step(self, doing: str) -> None:
        """Notes which step is under way from now on."""
        ...

    def end(self) -> tuple[Course, ...]:
        """Ends the loads, and returns what became of each; raises HarnessError."""
        ...

    def abandon(self) -> None:
        """Ends the loads at once; what became of them is lost."""
        ...
