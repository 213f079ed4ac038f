"""An automaton that reads a query's text with its escapes, and another one what that means."""

from __future__ import annotations

import string
from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.explore.automata import Automaton

_READER = getincrementaldecoder("utf-8")

DEAD = "\0"
"""The state of an automaton that takes nothing any more."""

_WRONG = "\ufffd"
"""Stands for bytes that are no character's."""


@dataclass(frozen=True)
class Decoding:
    """A state is what of an escape is there, the bytes of a character so far, and the other's state."""

    inner: Automaton

    @property
    def start(self) -> Any:
        return "", b"", self.inner.start

    def step(self, state: Any, character: str) -> Any:
        if state == DEAD:
            return state
        escape, data, inner = state
        if escape:
            escape += character
            if character not in string.hexdigits:  # then it is none
                return self._after(data, inner, escape)
            return (escape, data, inner) if len(escape) <= len("%0") else self._byte(escape, data, inner)
        if character == "%":
            return character, data, inner
        return self._after(data, inner, " " if character == "+" else character)

    def _after(self, data: bytes, inner: Any, text: str) -> Any:
        for character in (_WRONG if data else "") + text:
            inner = self.inner.step(inner, character)
        return DEAD if inner == DEAD else ("", b"", inner)

    def _byte(self, escape: str, data: bytes, inner: Any) -> Any:
        data += bytes.fromhex(escape[1:])
        try:
            text = _READER().decode(data)
        except UnicodeDecodeError:
            return self._after(b"", inner, _WRONG)
        return self._after(b"", inner, text) if text else ("", data, inner)

    def accepts(self, state: Any) -> bool:
        if state == DEAD:
            return False
        escape, data, inner = state
        ended = self._after(data, inner, escape)
        return ended != DEAD and self.inner.accepts(ended[-1])
