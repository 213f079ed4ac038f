"""The fields of typed readings: what each holds, what stands for an absent one, and how it is read."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar, overload

from harness.base.durations import is_duration, seconds
from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.api.node import Node
    from harness.base.resources import Resource

Value = TypeVar("Value")
Default = TypeVar("Default")
Child = TypeVar("Child", bound="Node")
Derived = TypeVar("Derived", covariant=True)

Make: TypeAlias = "Callable[[Resource, str, Mapping[str, Any] | None], Child]"
"""What makes a node of a mapping, by its object and its path there: the node's class, as a rule."""

_set = object.__setattr__  # a node's own refuses

_NAMES: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


class _Absent(Enum):
    READ = "read"


READ = _Absent.READ
"""Of a field: what isn't written is read, too."""


class Field(Generic[Value]):
    """One field of a node, by its name in YAML; it is read once, and then stands in the node itself.

    What isn't written is `absent` (`READ`: is read as None), what is of the type `plain` stays as it is; the
    rest is read.
    """

    def __init__(
        self,
        key: str,
        read: Callable[[Node, str, Any], Value],
        absent: Value | Literal[_Absent.READ],
        plain: type | None = None,
    ) -> None:
        self.key = key
        self.read = read
        self.absent = absent
        self.plain = plain

    def __set_name__(self, owner: type[Node], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, node: None, owner: type[Node]) -> Self: ...
    @overload
    def __get__(self, node: Node, owner: type[Node]) -> Value: ...
    def __get__(self, node: Node | None, owner: type[Node]) -> Self | Value:
        if node is None:
            return self
        raw = node.data.get(self.key)
        value: Value
        if type(raw) is self.plain:
            value = raw  # type: ignore[assignment]
        elif raw is None and self.absent is not READ:
            value = self.absent
        else:
            value = self.read(node, self.key, raw)
        _set(node, self.name, value)
        return value


class derived(Generic[Derived]):  # noqa: N801  # a decorator, as property is one
    """What follows from a node's fields: like `cached_property`, which locks, and makes a node larger."""

    def __init__(self, make: Callable[[Any], Derived]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type[Node], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, node: None, owner: type[Node]) -> Self: ...
    @overload
    def __get__(self, node: Node, owner: type[Node]) -> Derived: ...
    def __get__(self, node: Node | None, owner: type[Node]) -> Self | Derived:
        if node is None:
            return self
        value = self.make(node)
        _set(node, self.name, value)
        return value


def _plain(key: str, kind: type[Value], absent: Default) -> Field[Value | Default]:
    return Field(key, lambda node, key, raw: typed(node.resource, node.at(key), raw, kind), absent, kind)


def text(key: str, default: str = "") -> Field[str]:
    """Returns a field that holds text; the default stands for an absent one."""
    return _plain(key, str, default)


def nonempty(key: str, default: str) -> Field[str]:
    """Returns a field that holds text; the default stands for an absent or empty one [Protocol Buffers]."""
    return Field(key, lambda node, key, raw: _typed(node, key, raw, str) if raw else default, default)


def in_any_case(key: str, spellings: Mapping[str, str]) -> Field[str]:
    """Returns a field that holds text, of which some texts (in lower case) count in any case as others."""

    def read(node: Node, key: str, raw: object) -> str:
        written = _typed(node, key, raw, str)
        return spellings.get(written.lower(), written)

    return Field(key, read, "")


def optional(key: str) -> Field[str | None]:
    """Returns a field that holds text, empty or not; None if it is absent."""
    return _plain(key, str, None)


def integer(key: str) -> Field[int | None]:
    """Returns a field that holds a whole number; None if it is absent."""
    return _plain(key, int, None)


def integer_or_text(key: str) -> Field[int | str | None]:
    """Returns a field that holds a whole number, or a name in its place; None if it is absent."""

    def read(node: Node, key: str, raw: Any) -> int | str | None:
        return raw if isinstance(raw, str) else _typed(node, key, raw, int)

    return Field(key, read, None, int)


def count(key: str, default: int = 0) -> Field[int]:
    """Returns a field that holds a whole number; the default stands for an absent one."""
    return _plain(key, int, default)


def number(key: str) -> Field[float | None]:
    """Returns a field that holds a number; None if it is absent."""
    return Field(key, lambda node, key, raw: float(_typed(node, key, raw, float)), None, float)


def boolean(key: str, *, default: bool = False) -> Field[bool]:
    """Returns a field that is true or false; the default stands for an absent one."""
    return _plain(key, bool, default)


def optional_boolean(key: str) -> Field[bool | None]:
    """Returns a field that is true or false; None if it is absent."""
    return _plain(key, bool, None)


def duration(key: str) -> Field[float | None]:
    """Returns a field that holds a duration, in seconds; None if it is absent or zero."""

    def read(node: Node, key: str, raw: Any) -> float | None:
        written = _typed(node, key, raw, str)
        if written and not is_duration(written):
            raise InputError(
                f"{node.resource} {node.at(key)}: {written!r} isn't a duration",
                where=node.resource.place(node.at(key)),
                todo="write 1h, 1m, 1s or 1ms",
            )
        return seconds(written)

    return Field(key, read, seconds(""))


def texts(key: str, default: tuple[str, ...] = ()) -> Field[tuple[str, ...]]:
    """Returns a field that holds a list of texts; the default stands for an absent or empty one."""

    def read(node: Node, key: str, raw: Any) -> tuple[str, ...]:
        items = _typed(node, key, raw, list)
        for index, item in enumerate(items):
            if type(item) is not str:
                typed(node.resource, node.entry(key, index), item, str)
        return tuple(items) or default

    return Field(key, read, default)


def integers(key: str) -> Field[tuple[int, ...]]:
    """Returns a field that holds a list of whole numbers; empty if it is absent."""

    def read(node: Node, key: str, raw: Any) -> tuple[int, ...]:
        items = enumerate(_typed(node, key, raw, list))
        return tuple(typed(node.resource, node.entry(key, index), item, int) for index, item in items)

    return Field(key, read, ())


def labels(key: str) -> Field[Mapping[str, str]]:
    """Returns a field that holds texts by free names (labels, headers); empty if it is absent."""
    return _by_name(key, str)


def integers_by_name(key: str) -> Field[Mapping[str, int]]:
    """Returns a field that holds whole numbers by free names; empty if it is absent."""
    return _by_name(key, int)


def _by_name(key: str, kind: type[Value]) -> Field[Mapping[str, Value]]:
    def read(node: Node, key: str, raw: Any) -> Mapping[str, Value]:
        entries: Mapping[str, Value | None] = _typed(node, key, raw, dict)
        for name, entry in entries.items():
            if entry is not None and type(entry) is not kind:
                typed(node.resource, f"{node.at(key)}.{name}", entry, kind)
        return {name: entry for name, entry in entries.items() if entry is not None}

    return Field(key, read, {})


def node(key: str, kind: Make[Child]) -> Field[Child]:
    """Returns a field that holds a mapping; an empty node if it is absent (`has` tells the two apart)."""

    def read(node: Node, key: str, raw: Any) -> Child:
        return kind(node.resource, node.at(key), None if raw is None else _typed(node, key, raw, dict))

    return Field(key, read, READ)


def optional_node(key: str, kind: Make[Child]) -> Field[Child | None]:
    """Returns a field that holds a mapping, empty or not; None if it is absent."""

    def read(node: Node, key: str, raw: Any) -> Child | None:
        return kind(node.resource, node.at(key), _typed(node, key, raw, dict))

    return Field(key, read, None)


def nodes(key: str, kind: Make[Child]) -> Field[tuple[Child, ...]]:
    """Returns a field that holds a list of mappings; empty if it is absent."""

    def read(node: Node, key: str, raw: Any) -> tuple[Child, ...]:
        items = _typed(node, key, raw, list)
        resource, place = node.resource, node.at(key)
        made = []
        for index, item in enumerate(items):
            path = f"{place}[{index}]"
            if item is not None and type(item) is not dict:
                typed(resource, path, item, dict)
            made.append(kind(resource, path, item))
        return tuple(made)

    return Field(key, read, ())


def value(key: str, kind: Make[Child], make: Callable[[Child], Value]) -> Field[Value]:
    """Returns a field that holds a mapping, and what is made of it; the node itself isn't kept."""
    read = node(key, kind).read
    return Field(key, lambda node, key, raw: make(read(node, key, raw)), READ)


def values(key: str, kind: Make[Child], make: Callable[[Child], Value]) -> Field[tuple[Value, ...]]:
    """Returns a field that holds a list of mappings, and what is made of each; no node is kept."""
    read = nodes(key, kind).read
    return Field(key, lambda node, key, raw: tuple(map(make, read(node, key, raw))), ())


def named(key: str, kind: Make[Child]) -> Field[Mapping[str, Child]]:
    """Returns a field that holds mappings by free names; empty if it is absent."""

    def read(node: Node, key: str, raw: Any) -> Mapping[str, Child]:
        entries = _typed(node, key, raw, dict)
        made = {}
        for name, entry in entries.items():
            if entry is not None:
                path = f"{node.at(key)}.{name}"
                made[str(name)] = kind(node.resource, path, typed(node.resource, path, entry, dict))
        return made

    return Field(key, read, {})


def raw(key: str) -> Field[Any]:
    """Returns a field with all that is in it as plain data; None if it is absent."""
    return Field(key, lambda node, key, raw: raw, None)


def typed(resource: Resource, path: str, value: Any, kind: type[Value]) -> Value:
    """Returns a value of this type; raises InputError, with object and field, for one of another type."""
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return value  # type: ignore[return-value]
    raise InputError(f"{resource} {path} must be {_NAMES[kind]}", where=resource.place(path))


def _typed(node: Node, key: str, value: Any, kind: type[Value]) -> Value:
    if type(value) is kind:  # what nearly all are
        return value
    return typed(node.resource, node.at(key), value, kind)
