"""Automata that read several texts, with a mark between them (`AND`, `AGAIN`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.base.explored import AGAIN, AND, BARE

if TYPE_CHECKING:
    from harness.analysis.explore.automata import Automaton


_MARKS = (AND, AGAIN)


@dataclass(frozen=True)
class AsOne:
    """Takes several texts as one, which another automaton takes; a state is whether that has read all."""

    inner: Automaton

    @property
    def start(self) -> Any:
        return self.inner.start

    def step(self, state: Any, character: str) -> Any:
        if isinstance(state, _Read) or character == AGAIN:
            return state if isinstance(state, _Read) else _Read(state)
        return self.inner.step(state, "," if character == AND else character)

    def accepts(self, state: Any) -> bool:
        return self.inner.accepts(state.last if isinstance(state, _Read) else state)


@dataclass(frozen=True)
class _Read:
    """The state of an automaton that reads no more."""

    last: Any


@dataclass(frozen=True)
class AnyOf:
    """Takes several texts of which another automaton takes one; a state is whether it did, and its own."""

    inner: Automaton
    spaced: bool

    @property
    def start(self) -> tuple[bool, Any]:
        return False, self.inner.start

    def step(self, state: tuple[bool, Any], character: str) -> tuple[bool, Any]:
        done, inner = state
        if done or state == _NO_TEXT:
            return state
        if character == BARE:  # it stands at the beginning alone
            return _NO_TEXT
        if character in _MARKS or (self.spaced and character == " "):
            return (True, None) if self.inner.accepts(inner) else self.start
        return False, self.inner.step(inner, character)

    def accepts(self, state: tuple[bool, Any]) -> bool:
        done, inner = state
        return state != _NO_TEXT and (done or self.inner.accepts(inner))


_NO_TEXT = (False, BARE)
"""The state after the beginning of a claim that is no text."""


@dataclass(frozen=True)
class MoreThanOne:
    """Takes more than one text."""

    start: bool = False

    def step(self, state: bool, character: str) -> bool:
        return state or character in _MARKS

    def accepts(self, state: bool) -> bool:
        return state


@dataclass(frozen=True)
class OnlyAscii:
    """Takes texts without characters beyond ASCII."""

    start: bool = True

    def step(self, state: bool, character: str) -> bool:
        return state and character.isascii()

    def accepts(self, state: bool) -> bool:
        return state
