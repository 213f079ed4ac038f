"""YAML text read into plain data, with the line and column of every part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from harness.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KeyPath = tuple[str | int, ...]
Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 100
"""Levels of nesting in a document; Kubernetes' deepest objects have some thirty."""

MAX_ALIASED_NODES = 100_000
"""Nodes that aliases may expand to in one file: more is an alias bomb."""


@dataclass(frozen=True)
class Mark:
    """Where a part of a file stands; lines and columns count from 1, `end_line` is inclusive."""

    line: int
    column: int
    end_line: int


@dataclass(frozen=True)
class Document:
    """One YAML document: its data, and the marks of its parts by path.

    A path's mark is its key's place for a mapping's member, its own place for a list's.
    """

    data: Any
    marks: dict[KeyPath, Mark]

    def mark(self, path: KeyPath) -> Mark:
        """Returns the mark of the path, or of its nearest ancestor that has one."""
        while path not in self.marks:
            path = path[:-1]
        return self.marks[path]


def read_text(path: Path, limit: int) -> str:
    """Returns a file's text; raises InputError if it is larger than `limit` bytes, binary, or unreadable."""
    try:
        size = path.stat().st_size
        if size > limit:
            raise InputError(
                f"the file has {size:,} bytes, more than the {limit:,} that are read",
                where=str(path),
                todo="split it",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path)) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 text (byte 0x{raw[error.start]:02x} at offset {error.start})", where=str(path)
        ) from error
    if "\0" in text:
        raise InputError(f"not text: a NUL byte at offset {text.index(chr(0))}", where=str(path))
    return text


def parse(text: str, name: str) -> Iterator[Document]:
    """Yields the documents of a YAML (or JSON) text; `name` is the file's, for errors.

    Raises InputError for what isn't YAML, for duplicate keys, for recursive, undefined and
    exploding aliases.
    """
    loader = Loader(text)
    try:
        _check_depth(text, name)
        while loader.check_node():
            yield _Builder(name).document(loader.get_node())
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from error
    except yaml.YAMLError as error:  # a character that YAML doesn't allow
        raise InputError(f"not YAML: {error}".replace("\n", " "), where=name) from error
    finally:
        loader.dispose()


def _check_depth(text: str, name: str) -> None:
    """Raises InputError for nesting that would overflow the stack of the parser's C code."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise InputError(
                f"nested more than {MAX_DEPTH} levels deep", where=_place(name, event.start_mark)
            )


def _syntax_error(error: yaml.MarkedYAMLError, text: str, name: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    where = _place(name, mark)
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
    """Turns one document's nodes into data and marks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: dict[KeyPath, Mark] = {}
        self.constructor = yaml.constructor.SafeConstructor()
        self.open: set[int] = set()
        self.nodes = 0

    def document(self, node: yaml.Node) -> Document:
        self.marks[()] = _mark(node, node)
        data = self.value(node, ())
        return Document(data, self.marks)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.nodes += 1
        # Without aliases a node takes at least one character, so it can't be ahead of its place.
        if self.nodes > MAX_ALIASED_NODES and self.nodes > node.start_mark.index:
            raise self.error("aliases expand to too much data", node)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.open:
            raise self.error("an anchor that contains an alias of itself", node)
        self.open.add(id(node))
        data: Any
        if isinstance(node, yaml.SequenceNode):
            data = []
            for index, item in enumerate(node.value):
                self.marks[(*path, index)] = _mark(item, item)
                data.append(self.value(item, (*path, index)))
        else:
            assert isinstance(node, yaml.MappingNode)
            data = self.mapping(node, path)
        self.open.discard(id(node))
        return data

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.error("a key that isn't a word (an unrendered template?)", key_node)
            key = key_node.value
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self.merged(value_node, path)
                continue
            if key in data:
                first = self.marks[(*path, key)].line
                raise self.error(f"duplicate key {key!r}: it stands in line {first} already", key_node)
            self.marks[(*path, key)] = _mark(key_node, value_node)
            data[key] = self.value(value_node, (*path, key))
        return {**merged, **data}

    def merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        """The keys that `<<` brings in: of a list's mappings the first one wins."""
        value = self.value(node, path)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self.error("`<<` merges mappings only", node)
        return {key: item for part in reversed(parts) for key, item in part.items()}

    def scalar(self, node: yaml.ScalarNode) -> Any:
        tag = node.tag.rpartition(":")[2]
        if tag == "timestamp" or (tag in ("int", "float") and ":" in node.value):
            return node.value  # dates and sexagesimals are text in Kubernetes' YAML
        if tag not in ("str", "int", "float", "bool", "null", "value"):
            raise self.error(f"the tag {node.tag}: plain data only", node)
        try:
            return self.constructor.construct_object(node)
        except ValueError as error:
            raise self.error(f"{node.value!r} isn't a {tag}", node) from error

    def error(self, what: str, node: yaml.Node) -> InputError:
        return InputError(what, where=_place(self.name, node.start_mark))


def _place(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name


def _mark(start: yaml.Node, end: yaml.Node) -> Mark:
    first, last = start.start_mark, end.end_mark
    # A block collection ends where the next token begins.
    block = isinstance(end, yaml.CollectionNode) and not end.flow_style
    last_line = last.line if block or (last.column == 0 and last.line) else last.line + 1
    return Mark(first.line + 1, first.column + 1, max(last_line, first.line + 1))
