"""Where the parts of a YAML document stand: lines and columns by path."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
Members = dict[str | int, tuple[Any, Any]]
"""The parts of a mapping or list: the event that begins each (a mapping's: its key), and its span.

A scalar's one event stands for its span, since most parts are scalars.
"""


@dataclass(frozen=True)
class Mark:
    """Where a part of a file stands; lines and columns count from 1, `end_line` is inclusive."""

    line: int
    column: int
    end_line: int


class Span(NamedTuple):
    """The parser's events that begin and end a part of a document, and the spans of what is in it.

    A mapping's member begins with its key.
    """

    first: Any
    last: Any
    members: Mapping[str | int, tuple[Any, Any]] = MappingProxyType({})

    def member(self, key: str | int) -> tuple[Any, Span]:
        """Returns the event that begins a part, and its span; raises KeyError if there is no such part."""
        first, span = self.members[key]
        return first, span if type(span) is Span else Span(span, span)

    def mark(self, first: Any) -> Mark:
        """Returns the mark of this part, begun by `first`: itself, or its key."""
        start, end = first.start_mark, self.last.end_mark
        # A block collection ends where the next token begins.
        block = self.last is not self.first and not self.first.flow_style
        end_line = end.line if block or (end.column == 0 and end.line) else end.line + 1
        return Mark(start.line + 1, start.column + 1, max(end_line, start.line + 1))


@dataclass(frozen=True)
class Document:
    """One YAML document: its data, and the marks of its parts by path.

    A path's mark is its key's place for a mapping's member, its own place for a list's.
    """

    data: Any
    span: Span = field(repr=False)

    @property
    def start(self) -> int:
        """The character of the file that it begins at, counted from 0."""
        index: int = self.span.first.start_mark.index
        return index

    def mark(self, path: KeyPath) -> Mark:
        """Returns the mark of the path, or of its nearest ancestor that has one."""
        first, span = self.span.first, self.span
        for part in path:
            if part not in span.members:
                break
            first, span = span.member(part)
        return span.mark(first)

    def has(self, path: KeyPath) -> bool:
        """Returns whether there is such a part."""
        span = self.span
        for part in path:
            if part not in span.members:
                return False
            _, span = span.member(part)
        return True
