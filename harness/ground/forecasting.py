"""Background load on the model: the request decided in each state that a transition goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.calls import mixtures
from harness.traffic.load import BEFORE, Forecast, Moment
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from harness.model import State
    from harness.traffic.load import Load
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request


class Forecasting:
    """Loads on the model; a state is decided when the step that led to it has been done."""

    def __init__(
        self,
        current: Callable[[], State],
        loads: Sequence[Load],
        decide: Callable[[State, Request], Outcomes],
    ) -> None:
        self._current = current
        self._decide = decide
        self._loads = loads
        self._state = current()
        self._doing = ""
        self._last = [self._decide(self._state, load.request) for load in loads]
        self._moments = [[Moment(BEFORE, BEFORE, outcomes)] for outcomes in self._last]

    def step(self, doing: str) -> None:
        """Decides in the states that the step before went through, and notes the one under way."""
        if self._doing:
            self._catch_up()
        self._doing = doing

    def end(self) -> tuple[Forecast, ...]:
        """Returns the predictions; raises NotModelledError for what the model doesn't understand."""
        self.step("")
        return tuple(Forecast(tuple(moments)) for moments in self._moments)

    def abandon(self) -> None:
        """Has nothing to end."""

    def _catch_up(self) -> None:
        before, after = self._state, self._current()
        self._state = after
        for index, load in enumerate(self._loads):
            last = self._last[index]
            now = last if after is before else self._decide(after, load.request)
            self._moments[index] += self._between(load, before, after, (last, now))
            self._moments[index].append(Moment(f"after `{self._doing}`", self._doing, now))
            self._last[index] = now

    def _between(
        self, load: Load, before: State, after: State, answers: tuple[Outcomes, Outcomes]
    ) -> Iterator[Moment]:
        if after.running == before.running:
            return
        for workload, state in mixtures(before, after, load.request.source, answers):
            text = "a rolling restart: pods of {} from before still run, the others are new"
            why = built_in(Action.RESTARTED, text, workload)
            when = f"during `{self._doing}`, by old pods of {workload}"
            yield Moment(when, self._doing, self._decide(state, load.request), (why,))
