"""Time: deadlines of waits, and how long an effect took."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator


@dataclass(frozen=True)
class Deadline:
    """A point in time, `seconds` after its making, that everything below it shares."""

    seconds: float
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_end", time.monotonic() + self.seconds)

    @property
    def left(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left == 0.0


@contextmanager
def timed(logger: logging.Logger, effect: str) -> Iterator[None]:
    """Logs one line when the effect is done: what it was, and its seconds."""
    start = time.monotonic()
    yield
    logger.info("%s (%.1f s)", effect, time.monotonic() - start)
