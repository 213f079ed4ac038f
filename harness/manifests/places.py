"""Where the fields of a file's objects stand: the file is parsed again, but only once a place is printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.base.errors import InputError
from harness.base.places import Location, Position, paths
from harness.manifests.documents import MAX_BYTES, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.manifests.spans import Document, KeyPath, Span

Stamp = tuple[int, int]
"""When a file was changed, and its size: what was parsed of it counts for no other."""

_END = re.compile(r"^(?:---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
_TEMPLATE = re.compile(r"^# Source: (\S.*?)\s*$", re.MULTILINE)
"""What `helm template` writes above each object."""

_ITEM = re.compile(r"\[(\d+)\]")
_QUOTED = re.compile(r'\["([^"]*)"\]')


@dataclass(frozen=True, slots=True)
class InFile(Location):
    """An object in a file: where it begins, the character that its document begins at, its path in that.

    `kept` is the file's text, if that can't be read again: of standard input.
    """

    line: int = 0
    column: int = 0
    start: int = 0
    path: KeyPath = ()
    kept: str | None = field(default=None, repr=False)

    def position(self, data: Mapping[str, Any], path: str) -> Position:
        """Returns where a field of the object stands, or the nearest field around it.

        It is the object's own place if the file is gone, or holds another object there by now.
        """
        own = Position(self.source, self.line, self.column)
        try:
            text = self.kept if self.kept is not None else _text(self.source, _stamp(self.source))
            own = own._replace(template=_template(text, self.start))
            if not path:
                return own
            part = (
                _in_list(text, self.source, self.start)
                if self.path
                else _alone(text, self.source, self.start, self.line, self.column)
            )
        except (InputError, OSError, StopIteration):
            return own
        if not _holds(part.document, self.path, data):
            return own
        line, column = part.nearest(self.path, path)
        return own._replace(line=line, column=column)


def objects(source: str) -> list[tuple[InFile, dict[str, Any]]]:
    """Returns the mappings that a file's documents are, or the items of its Lists, each with its place.

    Raises InputError or OSError if it can't be read.
    """
    documents = _documents(_text(source, _stamp(source)), source).values()
    return [entry for each in documents for entry in _objects(source, each, each.data, ())]


def in_file(source: str, document: Document, path: KeyPath, kept: str | None = None) -> InFile:
    """Returns the place of the object at a path of a file's document; `kept` as in `InFile`."""
    mark = document.mark(path)
    return InFile(source, mark.line, mark.column, document.start, path, kept)


def _objects(
    source: str, document: Document, data: Any, path: KeyPath
) -> Iterator[tuple[InFile, dict[str, Any]]]:
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        for index, item in enumerate(data["items"]):
            yield from _objects(source, document, item, (*path, "items", index))
    elif isinstance(data, dict):
        yield in_file(source, document, path), data


class _Parsed(NamedTuple):
    """A document, the text that it was parsed of, and how many lines stand before that in the file."""

    document: Document
    text: str
    before: int

    def nearest(self, root: KeyPath, path: str) -> tuple[int, int]:
        """Line and column of the field at a path below `root`, or of the nearest one around it."""
        span = self.document.span
        first = span.first
        for part in root:
            first, span = span.member(part)
        reach = max((_descend(span, first, variant) for variant in paths(path)), key=_nearness)
        mark = reach.span.mark(reach.first)
        line, column = mark.line, mark.column
        if reach.rest.startswith(" "):
            line, column = self._inside(reach, line, column)
        return line + self.before, column

    def _inside(self, reach: _Reach, line: int, column: int) -> tuple[int, int]:
        """Line and column of a part of a YAML text: a block's lines are lines of the file, too."""
        event = reach.span.first
        if getattr(event, "style", None) != "|":
            return line, column
        inner = next(parse(event.value, ""))
        row, col = _Parsed(inner, event.value, 0).nearest((), reach.rest.lstrip())
        line = event.start_mark.line + 1 + row
        whole, own = self.text.splitlines()[line - 1], event.value.splitlines()[row - 1]
        return line, col + len(whole) - len(own)


class _Reach(NamedTuple):
    """How deep a path leads, what stands there, the event that begins it, and what is left of the path."""

    depth: int
    span: Span
    first: Any
    rest: str


def _nearness(reach: _Reach) -> tuple[bool, int]:
    return (not reach.rest, reach.depth)


def _descend(span: Span, first: Any, path: str) -> _Reach:
    depth = 0
    while path and not path.startswith(" "):
        steps = ((key, rest) for key, rest in _steps(span, path) if key in span.members)
        key, rest = max(steps, key=lambda step: -len(step[1]), default=("", path))
        if rest == path:
            break
        first, span = span.member(key)
        depth, path = depth + 1, rest
    return _Reach(depth, span, first, path)


def _steps(span: Span, path: str) -> Iterator[tuple[str | int, str]]:
    """The parts of a mapping or list that a path may begin with (names may hold dots), and what follows."""
    path = path.removeprefix(".")
    if match := _ITEM.match(path):
        yield int(match[1]), path[match.end() :]
    if match := _QUOTED.match(path):
        yield match[1], path[match.end() :]
    for end in range(1, len(path) + 1):
        if end == len(path) or path[end] in ".[ ":
            yield path[:end], path[end:]


def _holds(document: Document, path: KeyPath, data: Mapping[str, Any]) -> bool:
    """Whether an object of this kind and name stands at a path."""
    part = document.data
    for key in path:
        inside = part.get(key) if isinstance(part, dict) else None
        if isinstance(part, list) and isinstance(key, int) and key < len(part):
            inside = part[key]
        part = inside
    return isinstance(part, dict) and _identity(part) == _identity(data)


def _identity(data: Mapping[str, Any]) -> tuple[object, object]:
    metadata = data.get("metadata")
    return data.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None


def _stamp(source: str) -> Stamp:
    status = Path(source).stat()
    if not S_ISREG(status.st_mode):
        raise InputError("what came through a pipe isn't read again", where=source)
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=16)
def _text(source: str, stamp: Stamp) -> str:
    return read_text(Path(source), MAX_BYTES)


@lru_cache(maxsize=256)
def _alone(text: str, source: str, start: int, line: int, column: int) -> _Parsed:
    """The document that begins at a character of a file, of which nothing else is parsed."""
    end = _END.search(text, start)
    alone = " " * (column - 1) + text[start : end.start() if end else len(text)]
    return _Parsed(next(parse(alone, source)), alone, line - 1)


@lru_cache(maxsize=16)
def _documents(text: str, source: str) -> dict[int, Document]:
    return {document.start: document for document in parse(text, source)}


def _in_list(text: str, source: str, start: int) -> _Parsed:
    """The document of a list that begins at a character of a file."""
    documents = _documents(text, source)
    if start not in documents:
        raise InputError("the file has changed", where=source)
    return _Parsed(documents[start], text, 0)


def _template(text: str, start: int) -> str:
    """The template that a document was made from, empty if nothing above it says so."""
    above = max((end.end() for end in _END.finditer(text, max(0, start - 4096), start)), default=0)
    named = _TEMPLATE.findall(text, max(above, start - 4096, 0), start)
    return str(named[-1]) if named else ""
