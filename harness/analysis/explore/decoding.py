"""An automaton that reads a query's text with its escapes, and another one what that means."""

from __future__ import annotations

import string
from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.explore.automata import Automaton

_READER = getincrementaldecoder("utf-8")

_FAULTY = "\0"
"""The state of what is no text, decoded, or none that the other takes any more."""


@dataclass(frozen=True)
class Decoding:
    """A state is what of an escape is there, the bytes of a character so far, and the other's state."""

    inner: Automaton

    @property
    def start(self) -> Any:
        return "", b"", self.inner.start

    def step(self, state: Any, character: str) -> Any:
        if state == _FAULTY:
            return state
        escape, data, inner = state
        if escape:
            escape += character
            if character not in string.hexdigits:
                return _FAULTY
            return (escape, data, inner) if len(escape) <= len("%0") else self._byte(escape, data, inner)
        if character == "%":
            return character, data, inner
        return _FAULTY if data else self._after(inner, " " if character == "+" else character)

    def _after(self, inner: Any, character: str) -> Any:
        state = self.inner.step(inner, character)
        return _FAULTY if state == _FAULTY else ("", b"", state)

    def _byte(self, escape: str, data: bytes, inner: Any) -> Any:
        data += bytes.fromhex(escape[1:])
        try:
            text = _READER().decode(data)
        except UnicodeDecodeError:
            return _FAULTY
        return self._after(inner, text) if text else ("", data, inner)

    def accepts(self, state: Any) -> bool:
        if state == _FAULTY:
            return False
        escape, data, inner = state
        return not escape and not data and self.inner.accepts(inner)
