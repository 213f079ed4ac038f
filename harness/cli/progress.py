"""How far a command is that takes long, told beside its output."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

LIVE_AFTER, LIVE_EVERY = 1.0, 0.1
"""Seconds until a line is drawn on a terminal, and between two drawings of it."""

PLAIN_EVERY = 30.0
"""Seconds between two lines where there is no terminal: who waits sees that it goes on."""

_CLEAR = "\r\x1b[K"


@dataclass(eq=False)
class Progress:
    """Tells how much is done, and for how many seconds: on a terminal in one line, drawn again and again.

    It is called by those who work, and has no thread of its own: beside one, `--jobs` couldn't fork. What it
    drew is gone when it is left, whatever happens.
    """

    doing: str
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _told: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._is_live = self.stream.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_live and self._told is not None:
            self._write(_CLEAR)

    def __call__(self, done: int, count: int) -> None:
        """Tells how many of all are done, if it is time to."""
        now = self.clock()
        wait = (LIVE_AFTER, LIVE_EVERY) if self._is_live else (PLAIN_EVERY, PLAIN_EVERY)
        if now < (self._began + wait[0] if self._told is None else self._told + wait[1]):
            return
        self._told = now
        words = f"{self.doing}: {done} of {count}, {now - self._began:.0f} s"
        self._write(f"{_CLEAR}{words}" if self._is_live else f"{words}\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
