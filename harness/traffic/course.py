"""What becomes of a load while a stage changes: seen on a cluster, or predicted by the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.timeline import Timeline
    from harness.traffic.trace import Trace


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
