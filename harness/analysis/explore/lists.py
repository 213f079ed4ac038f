"""Automata that read several texts, with a mark between them (`AND`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.base.explored import AND

if TYPE_CHECKING:
    from harness.analysis.explore.automata import Automaton


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
        if done:
            return state
        if character == AND or (self.spaced and character == " "):
            return (True, None) if self.inner.accepts(inner) else self.start
        return False, self.inner.step(inner, character)

    def accepts(self, state: tuple[bool, Any]) -> bool:
        done, inner = state
        return done or self.inner.accepts(inner)


@dataclass(frozen=True)
class MoreThanOne:
    """Takes more than one text."""

    start: bool = False

    def step(self, state: bool, character: str) -> bool:
        return state or character == AND

    def accepts(self, state: bool) -> bool:
        return state


@dataclass(frozen=True)
class OnlyAscii:
    """Takes texts without characters beyond ASCII."""

    start: bool = True

    def step(self, state: bool, character: str) -> bool:
        return state and (character.isascii() or character == AND)

    def accepts(self, state: bool) -> bool:
        return state
