"""RE2, as Envoy runs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Match(Protocol):
    """Where a pattern matched, in bytes."""

    def span(self, group: int = 0) -> tuple[int, int]: ...


class Engine(Protocol):
    """A compiled pattern."""

    @property
    def groups(self) -> int: ...

    def search(self, text: bytes, pos: int = 0) -> Match | None: ...

    def fullmatch(self, text: bytes) -> Match | None: ...


@dataclass(frozen=True)
class Fault:
    """Why a pattern can't be used: its engine refuses it, or (`refused` False) that isn't known."""

    why: str
    refused: bool = True


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Engine | Fault:
    """Returns the compiled pattern, or why RE2 doesn't take it; nothing is printed."""
    import re2  # most commands need no regular expression, and loading it costs some milliseconds

    options = re2.Options()
    options.log_errors = False
    try:
        engine: Engine = re2.compile(encoded(pattern), options)
    except re2.error as error:
        (words,) = error.args
        return Fault(words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words))
    return engine


def encoded(text: str) -> bytes:
    """Returns a text's bytes as they are on the wire; what was no UTF-8 is again what it was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def replaced(engine: Engine, replacement: Sequence[str | int], text: str) -> str:
    """Replaces every match by texts and groups (by number) [google/re2: RE2::GlobalReplace]."""
    data, done, position, last_end = encoded(text), [], 0, -1
    while position <= len(data) and (match := engine.search(data, position)):
        start, end = match.span()
        done.append(data[position:start])
        if start == end == last_end:
            # An empty match right behind the last one doesn't count: go on by one character.
            step = _character(data, start)
            done.append(data[start : start + step])
            position = start + step
            continue
        done += [
            encoded(part) if isinstance(part, str) else _group(data, match, part) for part in replacement
        ]
        position = last_end = end
    return b"".join([*done, data[position:]]).decode("utf-8", "surrogateescape")


def _group(data: bytes, match: Match, group: int) -> bytes:
    start, end = match.span(group)
    return b"" if start < 0 else data[start:end]


def _character(data: bytes, at: int) -> int:
    """How many bytes the character has that starts there."""
    step = 1
    while at + step < len(data) and data[at] >= 0xC0 and data[at + step] & 0xC0 == 0x80:
        step += 1
    return step
