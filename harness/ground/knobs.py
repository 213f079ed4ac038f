"""The values of all knobs in a pytest run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.errors import InputError
from harness.base.settings import KNOBS

if TYPE_CHECKING:
    import pytest

    from harness.base.settings import Knob


class Knobs:
    """The values of all knobs, from options, environment and configuration file."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.knobs = {knob.name: knob for knob in KNOBS}

    def text(self, name: str) -> str:
        """Returns a knob's value as text."""
        knob = self.knobs[name]
        return str(self._given(knob) or knob.default)

    def flag(self, name: str) -> bool:
        """Returns whether a flag is on."""
        return str(self._given(self.knobs[name]) or "").lower() in ("true", "1", "yes", "on")

    def many(self, name: str) -> tuple[str, ...]:
        """Returns all values of a knob that may be given several times."""
        given = self._given(self.knobs[name])
        return tuple(given.split()) if isinstance(given, str) else tuple(given or ())

    def number(self, name: str) -> float:
        """Returns a knob's value as a number; raises InputError if it isn't one."""
        try:
            return float(self.text(name))
        except ValueError as error:
            raise InputError(f"{self.text(name)!r} isn't a number", where=self.knobs[name].option) from error

    def path(self, name: str) -> Path | None:
        """Returns a knob's value as a path that exists, or None; raises InputError if it doesn't exist."""
        text = self.text(name)
        if text and not Path(text).is_file():
            raise InputError(f"there is no file {text!r}", where=self.knobs[name].option)
        return Path(text) if text else None

    def _given(self, knob: Knob) -> str | list[str] | None:
        given: str | list[str] | None = self.config.getoption(knob.destination, default=None)
        return given or os.environ.get(knob.variable) or self.config.getini(knob.ini)
