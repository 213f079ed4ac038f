"""Where objects come from, and where their fields stand: found out only when it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


def paths(field: str) -> tuple[str, ...]:
    """Returns the paths that a field goes by: `label NAME` and `annotation NAME` are its pods', too."""
    kind, _, name = field.partition(" ")
    if kind not in ("label", "annotation"):
        return (field,)
    return tuple(f"{outer}metadata.{kind}s.{name}" for outer in ("", "spec.template."))


class Position(NamedTuple):
    """A point in a file, lines and columns counted from 1; without a line, the name of what was read.

    `template` is the file that a tool made that part of the text from, as far as the tool tells.
    """

    source: str = ""
    line: int = 0
    column: int = 0
    template: str = ""

    @classmethod
    def parse(cls, text: str) -> Position:
        """Reads `file:line:column`; anything else is the name of what was read."""
        point, _, template = text.partition(", from ")
        match point.rsplit(":", 2):
            case [source, line, column] if line.isdecimal() and column.isdecimal():
                return cls(source, int(line), int(column), template)
        return cls(text)

    def __str__(self) -> str:
        point = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{point}, from {self.template}" if self.template else point


@dataclass(frozen=True, slots=True)
class Location:
    """What an object was read from, by its name (a cluster's context, a folder); empty for what was made.

    Of an object in a file `manifests.places` knows more.
    """

    source: str = ""

    def position(self, data: Mapping[str, Any], path: str) -> Position:
        """Returns where a field of the object stands (an empty path: the object itself)."""
        return Position(self.source)

    def __bool__(self) -> bool:
        return bool(self.source)

    def __str__(self) -> str:
        return str(self.position({}, ""))


NOWHERE = Location()


@dataclass(frozen=True, slots=True)
class Place:
    """A field of an object, by its path; as text it is `file:line:column`, empty for what was made."""

    location: Location
    path: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def position(self) -> Position:
        """Where that is, or the nearest field around it."""
        return self.location.position(self.data, self.path)

    def __bool__(self) -> bool:
        return bool(self.location)

    def __str__(self) -> str:
        return str(self.position)
