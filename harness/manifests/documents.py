"""YAML text read into plain data, with the line and column of every part."""

from __future__ import annotations

import gc
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from harness.base.errors import InputError
from harness.manifests.spans import Document, Members, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 256 * 1024 * 1024
"""Larger files aren't read."""

MAX_DEPTH = 100
"""Levels of nesting in a document; Kubernetes' deepest objects have some thirty."""

MAX_ALIASED_NODES = 100_000
"""Nodes that aliases may expand to in one file: more is an alias bomb."""


@contextmanager
def keeping_all() -> Iterator[None]:
    """Puts off the search for garbage: where much is made and all is kept, it costs time and finds none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def read_text(path: Path, limit: int) -> str:
    """Returns a file's text; raises InputError if it is larger than `limit` bytes, binary, or unreadable."""
    try:
        raw = _raw(path, limit)
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:  # a NUL in its name
        raise InputError(f"can't be read: {error}", where=repr(str(path))) from error
    return decoded(raw, str(path))


def _raw(path: Path, limit: int) -> bytes:
    """A file's bytes. A pipe is read if it has a writer surely, as `<(…)` has: another could never end."""
    status = path.stat()
    if stat.S_ISFIFO(status.st_mode) and path.parent in _DESCRIPTORS:
        with path.open("rb") as opened:
            return bounded(opened, str(path), limit)
    if stat.S_ISDIR(status.st_mode):
        raise InputError("can't be read: Is a directory", where=str(path))
    if not stat.S_ISREG(status.st_mode):
        what = "can't be read: it is a device, a pipe or a socket, not a file"
        raise InputError(what, where=str(path), todo="name a file, or write `-` and pipe it in")
    if status.st_size > limit:
        raise _too_large(f"{status.st_size:,} bytes", str(path), limit)
    with path.open("rb") as opened:
        return bounded(opened, str(path), limit)


_DESCRIPTORS = tuple(map(Path, ("/dev/fd", "/proc/self/fd")))


def bounded(opened: BinaryIO, name: str, limit: int) -> bytes:
    """Returns what a file or pipe has to the end; raises InputError if that is more than `limit` bytes."""
    raw = opened.read(limit + 1)
    if len(raw) > limit:
        raise _too_large("more bytes", name, limit)
    return raw


def _too_large(size: str, name: str, limit: int) -> InputError:
    return InputError(f"it has {size}, more than the {limit:,} that are read", where=name, todo="split it")


def decoded(raw: bytes, name: str) -> str:
    """Returns bytes as text; raises InputError for what isn't UTF-8, or binary."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 text (byte 0x{raw[error.start]:02x} at offset {error.start})", where=name
        ) from error
    if "\0" in text:
        raise InputError(f"not text: a NUL byte at offset {text.index(chr(0))}", where=name)
    return text


def plain(text: str) -> Any:
    """Returns the one document of a YAML text as plain data; raises yaml.YAMLError."""
    return yaml.load(text, Loader)


def parse(text: str, name: str) -> Iterator[Document]:
    """Yields the documents of a YAML (or JSON) text; `name` is the file's, for errors.

    Raises InputError for what isn't YAML, for duplicate keys, for recursive, undefined and
    exploding aliases, and for deeper nesting than any object has.
    """
    loader = Loader(text)
    try:
        while not loader.check_event(StreamEndEvent):
            event = loader.get_event()
            if isinstance(event, DocumentStartEvent):
                yield _Builder(loader, name).document()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from error
    except yaml.YAMLError as error:  # a character that YAML doesn't allow
        raise InputError(f"not YAML: {error}".replace("\n", " "), where=name) from error
    finally:
        loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    where = _point(name, mark)
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    problem = " ".join(part for part in (error.context, error.problem) if part)
    if line[: len(line) - len(line.lstrip())].count("\t") or "'\\t'" in problem:
        return InputError("a tab in the indentation", where=where, todo="YAML is indented with spaces")
    if "{{" in line:
        return InputError(
            "an unrendered template", where=where, why=line.strip(), todo="render it first (helm template …)"
        )
    return InputError(f"not YAML: {problem}", where=where)


class _Builder:
    """Builds one document of the parser's events: data and places in one pass."""

    def __init__(self, loader: Any, name: str) -> None:
        self.next = loader.get_event
        self.name = name
        self.anchors: dict[str, Any] = {}  # a _Part, or the event that began it while it is being read
        self.nodes = 0
        self.depth = 0

    def document(self) -> Document:
        data, span = self.value(self.next())
        return Document(data, span if type(span) is Span else Span(span, span))

    def value(self, event: Any) -> tuple[Any, Any]:
        """The part that an event begins, and its span (a scalar's: its event)."""
        before = self.nodes
        self.nodes += 1
        kind = type(event)
        if kind is AliasEvent:
            return self.alias(event)
        if kind is ScalarEvent and not event.anchor:
            return self.scalar(event), event
        if event.anchor:
            self.anchors[event.anchor] = event
        data, span = (self.scalar(event), event) if kind is ScalarEvent else self.collection(event)
        if event.anchor:
            self.anchors[event.anchor] = _Part(data, span, self.nodes - before)
        return data, span

    def collection(self, event: Any) -> tuple[Any, Span]:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} levels deep", event)
        members: Members = {}
        read = self.sequence if type(event) is SequenceStartEvent else self.mapping
        data, last = read(members)
        self.depth -= 1
        return data, Span(event, last, members)

    def sequence(self, members: Members) -> tuple[list[Any], Any]:
        data: list[Any] = []
        while type(event := self.next()) is not SequenceEndEvent:
            item, span = self.value(event)
            members[len(data)] = (span.first if type(span) is Span else span, span)
            data.append(item)
        return data, event

    def mapping(self, members: Members) -> tuple[dict[str, Any], Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        inherited: Members = {}
        while type(event := self.next()) is not MappingEndEvent:
            if type(event) is not ScalarEvent:
                raise self.error("a key that isn't a word (an unrendered template?)", event)
            key = event.value
            if key == "<<" and event.implicit[0]:
                merged |= self.merged(self.next(), inherited)
                continue
            if key in data:
                first = members[key][0].start_mark.line + 1
                raise self.error(f"duplicate key {key!r}: it stands in line {first} already", event)
            value = self.next()
            if type(value) is ScalarEvent and not value.anchor:  # as most are: a call less
                self.nodes += 1
                data[key] = self.scalar(value)
                members[key] = (event, value)
            else:
                data[key], span = self.value(value)
                members[key] = (event, span)
        if not merged:
            return data, event
        members.update({key: inherited[key] for key in merged if key not in data})
        return {**merged, **data}, event

    def merged(self, event: Any, inherited: Members) -> dict[str, Any]:
        """The keys that `<<` brings in, whose spans it adds: of a list's mappings the first one wins."""
        value, span = self.value(event)
        several = isinstance(value, list)
        parts = value if several else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self.error("`<<` merges mappings only", event)
        spans = [span.member(index)[1] for index in range(len(parts))] if several else [span]
        for part in reversed(spans):
            inherited.update(part.members)
        return {key: item for part in reversed(parts) for key, item in part.items()}

    def alias(self, event: Any) -> tuple[Any, Any]:
        if event.anchor not in self.anchors:
            raise self.error(f"not YAML: found undefined alias {event.anchor!r}", event)
        part = self.anchors[event.anchor]
        if not isinstance(part, _Part):
            raise self.error("an anchor that contains an alias of itself", part)
        self.nodes += part.nodes
        # Without aliases a node takes at least one character, so it can't be ahead of its place.
        if self.nodes > MAX_ALIASED_NODES and self.nodes > event.start_mark.index:
            raise self.error("aliases expand to too much data", event)
        return part.data, part.span

    def scalar(self, event: Any) -> Any:
        tag, text = event.tag, event.value
        if tag is None or tag == "!":
            if not event.implicit[0]:
                return text
            tag = _implied(text)
        if tag == _TEXT:
            return text
        if tag.rpartition(":")[2] not in ("int", "float", "bool", "null", "value", "timestamp"):
            raise self.error(f"the tag {tag}: plain data only", event)
        try:
            return _constructed(tag, event.value)
        except ValueError as error:
            kind = tag.rpartition(":")[2]
            raise self.error(f"{event.value!r} isn't a {kind}", event) from error

    def error(self, what: str, event: Any) -> InputError:
        return InputError(what, where=_point(self.name, event.start_mark))


@dataclass(frozen=True)
class _Part:
    """What an anchor names, and how many nodes an alias of it expands to."""

    data: Any
    span: Any
    nodes: int


@lru_cache(maxsize=65_536)
def _implied(text: str) -> str:
    """The tag of a scalar that is written without quotes."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag


@lru_cache(maxsize=4_096)
def _constructed(tag: str, text: str) -> Any:
    kind = tag.rpartition(":")[2]
    if kind == "timestamp" or (kind in ("int", "float") and ":" in text):
        return text  # dates and sexagesimals are text in Kubernetes' YAML
    return yaml.constructor.SafeConstructor().construct_object(yaml.ScalarNode(tag, text))


_TEXT = "tag:yaml.org,2002:str"
_RESOLVER = yaml.resolver.Resolver()


def _point(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
