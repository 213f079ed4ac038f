"""What a run leaves to tell of its stages: the steps that were taken, and which proxies pods have then."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import workloads
from harness.base import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base import Workload
    from harness.ground.ground import Provider
    from harness.scenario import Scenario
    from harness.traffic.observables import Pod


@dataclass(frozen=True)
class Taken:
    """A step of a transition that was taken, in so many seconds; `error` says why it failed."""

    doing: str
    seconds: float
    error: str = ""


@dataclass(frozen=True)
class Held:
    """A workload, and its pods when a stage was reached; `unknown` says why nobody can tell."""

    workload: Workload
    pods: tuple[Pod, ...] = ()
    unknown: str = ""


@dataclass(frozen=True)
class Reached:
    """A stage: its steps as they were taken, why it wasn't reached (empty: it was), and what is there."""

    steps: tuple[Taken, ...] = ()
    error: str = ""
    held: tuple[Held, ...] = ()


@dataclass(eq=False)
class Chronicle:
    """The stages of one scenario that a run has come to, by their places.

    With `looking` each workload's pods are looked at when a stage is reached.
    """

    looking: bool = False
    stages: dict[int, Reached] = field(default_factory=dict)
    _steps: list[Taken] = field(default_factory=list)

    def begin(self) -> None:
        """Begins a transition."""
        self._steps = []

    @contextmanager
    def step(self, doing: str) -> Iterator[None]:
        """Takes down a step that is taken meanwhile, whether or not it fails."""
        started, error = time.monotonic(), ""
        try:
            yield
        except HarnessError as failed:
            error = str(failed)
            raise
        finally:
            self._steps.append(Taken(doing, time.monotonic() - started, error))

    def end(self, index: int, scenario: Scenario, provider: Provider, error: str = "") -> None:
        """Takes down that the transition to a stage is over: with an error, or what is there now."""
        seen = self.looking and not error
        held = tuple(_held(workload, provider) for workload in workloads(scenario.apps)) if seen else ()
        self.stages[index] = Reached(tuple(self._steps), error, held)


def _held(workload: Workload, provider: Provider) -> Held:
    try:
        return Held(workload, provider.pods(workload))
    except HarnessError as error:
        return Held(workload, unknown=str(error))
