"""What is sent while a stage changes into the next one: the loads of its expectations."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.traffic.load import Forecast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from harness.ground.ground import Provider
    from harness.traffic.load import Course, Load, Running

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Background:
    """The loads of one transition, by the names of their expectations, on one provider (none: nowhere).

    It is entered before the first step and left after the last one, however that ends. What can't be sent
    isn't a failure of the transition: it is told when an expectation asks for its course.
    """

    provider: Provider | None
    loads: Mapping[str, Load]
    _running: Running | None = None
    _courses: dict[str, Course] = field(default_factory=dict)
    _error: HarnessError | None = None

    def course(self, name: str) -> Course | None:
        """Returns what became of an expectation's load, None if nothing did; raises HarnessError."""
        if self._error is not None:
            raise self._error
        return self._courses.get(name)

    def forecast(self, name: str) -> Course | None:
        """Returns what the model predicts for an expectation's load: that it can't say, if it can't."""
        try:
            return self.course(name)
        except HarnessError as error:
            return Forecast((), error.what)

    def step(self, doing: str) -> None:
        """Notes which step is under way from now on."""
        if self._running is not None:
            try:
                self._running.step(doing)
            except HarnessError as error:
                self._give_up(error)

    def __enter__(self) -> Background:
        if self.provider and self.loads:
            try:
                self._running = self.provider.load(tuple(self.loads.values()))
            except HarnessError as error:
                self._give_up(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        if error is not None and not isinstance(error, HarnessError):
            running.abandon()  # ^C, or a fault of our own: nobody asks any more
            return
        try:
            self._courses = dict(zip(self.loads, running.end(), strict=True))
        except HarnessError as unsent:
            self._give_up(unsent)
        except BaseException:
            running.abandon()
            raise

    def _give_up(self, error: HarnessError) -> None:
        log.warning("no load: %s", error)
        self._error, self._running = error, None
