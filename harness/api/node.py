"""Typed reading of objects: a class for each kind of mapping, a descriptor for each of its fields.

    class Destination(Node):
        host = text("host")
        port = node("port", PortSelector)

A node is a mapping inside an object. It reads a field when it is asked for it, once; so it knows at any
time which fields nobody asked for (`unread`), and each field's path in the object (`at`). A reading is made
anew for each consumer (`of`), so that what one reads says nothing of another.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, overload

from harness.base.durations import is_duration, seconds
from harness.base.errors import InputError
from harness.base.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Value = TypeVar("Value")
Child = TypeVar("Child", bound="Node")
Derived = TypeVar("Derived", covariant=True)

_set = object.__setattr__  # a node's own refuses

_NAMES: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}

_OWN = ("resource", "path", "data")


class Node:
    """A mapping inside an object: `path` is its place there (`spec.http[0]`), `data` what is written.

    It can't be changed. Reading a field of a wrong type raises InputError that names object and field.
    """

    # What is read stands beside these, in values that Python keeps small while all are set in this way.
    __slots__ = ("__dict__", "data", "path", "resource")

    resource: Resource
    path: str
    data: Mapping[str, Any]

    def __init__(self, resource: Resource, path: str, data: Mapping[str, Any] | None) -> None:
        _set_resource(self, resource)
        _set_path(self, path)
        _set_data(self, data or {})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} can't be set: a reading doesn't change")

    def at(self, key: str) -> str:
        """Returns the path of a field, by the name that it has in YAML."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Returns whether a field is written, and not null. It doesn't count as read by that."""
        return self.data.get(key) is not None

    @classmethod
    def keys(cls) -> Iterable[str]:
        """Returns the names of the fields that this reading knows."""
        return cls._fields().keys()

    def undeclared(self) -> list[str]:
        """Returns the names of fields that are written and that this reading doesn't know."""
        return [key for key in self.data if key not in self._fields() and self.has(key)]

    def __bool__(self) -> bool:
        """Whether anything is written in it."""
        return bool(self.data)

    def required(self, key: str) -> Self:
        """Returns this node; raises InputError if a field is absent or empty."""
        if not self.data.get(key):
            raise InputError(
                f"{self.resource} {self.at(key)} is missing", where=self.resource.place(self.at(key))
            )
        return self

    def unread(self) -> Iterator[str]:
        """Yields the paths of fields that hold something and that nobody read, here and below."""
        fields = self._fields()
        left = self.__dict__.get("_left", ())
        for key, value in self.data.items():
            if value is None or value in ({}, []) or key in left:
                continue
            name = fields.get(key)
            if name is None or name not in self.__dict__:
                yield self.at(key)
                continue
            for child in _nodes_in(self.__dict__[name]):
                yield from child.unread()

    def leave(self, *keys: str) -> None:
        """Counts fields by these names (none: all) as read with all that is in them.

        What is said about the whole needn't be said about each.
        """
        vars(self)["_left"] = {*self.__dict__.get("_left", ()), *(keys or self.data)}

    @classmethod
    def _fields(cls) -> Mapping[str, str]:
        """The attribute that reads each field."""
        known: Mapping[str, str] | None = cls.__dict__.get("_known")
        if known is None:
            classes = reversed(cls.__mro__)
            known = {
                field.key: name
                for base in classes
                for name, field in vars(base).items()
                if isinstance(field, Field)
            }
            cls._known = known  # type: ignore[attr-defined]
        return known


_set_resource, _set_path, _set_data = (vars(Node)[name].__set__ for name in _OWN)


def live(data: dict[str, Any]) -> Resource:
    """Returns an object as a cluster's API answers with it: one in a list tells no kind."""
    metadata: dict[str, Any] = data.get("metadata") or {}
    namespace, name = metadata.get("namespace") or "", metadata.get("name") or ""
    return Resource(data.get("apiVersion") or "", data.get("kind") or "", namespace, name, data)


class Section(Node):
    """One of an object's main parts."""

    section: ClassVar[str]

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """Returns a fresh reading of an object's part; an absent one is empty."""
        part = resource.data.get(cls.section)
        return cls(resource, cls.section, None if part is None else typed(resource, cls.section, part, dict))

    @classmethod
    def kept(cls, resource: Resource) -> Self:
        """Returns the reading that is kept with the object: for what is asked again with each request."""
        reading: Self | None = resource.lookups.get(cls)
        if reading is None:
            reading = resource.lookups[cls] = cls.of(resource)
        return reading

    @classmethod
    def live(cls, data: dict[str, Any]) -> Self:
        """Returns the same of an object as a cluster's API answers with it."""
        return cls.of(live(data))


class Object(Section):
    """A whole object, of which the fields beside apiVersion, kind, metadata and status are read."""

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """Returns a fresh reading of an object."""
        inert = ("apiVersion", "kind", "metadata", "status")
        return cls(resource, "", {key: value for key, value in resource.data.items() if key not in inert})


class Spec(Section):
    """The spec of an object."""

    section = "spec"


class Status(Section):
    """The status of an object."""

    section = "status"


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
        if name in _OWN or hasattr(Node, name):  # else the node's own would be read in the field's place
            raise TypeError(f"{owner.__name__}.{name} has a name that each node uses itself")
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


def _plain(key: str, kind: type[Value], absent: Value) -> Field[Value]:
    return Field(key, lambda node, key, raw: typed(node.resource, node.at(key), raw, kind), absent, kind)


def _plain_or_none(key: str, kind: type[Value]) -> Field[Value | None]:
    return Field(key, lambda node, key, raw: typed(node.resource, node.at(key), raw, kind), None, kind)


def text(key: str, default: str = "") -> Field[str]:
    """Returns a field that holds text; the default stands for an absent one."""
    return _plain(key, str, default)


def nonempty(key: str, default: str) -> Field[str]:
    """Returns a field that holds text; the default stands for an absent or empty one [Protocol Buffers]."""
    return Field(key, lambda node, key, raw: _typed(node, key, raw, str) if raw else default, default)


def optional(key: str) -> Field[str | None]:
    """Returns a field that holds text, empty or not; None if it is absent."""
    return _plain_or_none(key, str)


def integer(key: str) -> Field[int | None]:
    """Returns a field that holds a whole number; None if it is absent."""
    return _plain_or_none(key, int)


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
                typed(node.resource, f"{node.at(key)}[{index}]", item, str)
        return tuple(items) or default

    return Field(key, read, default)


def integers(key: str) -> Field[tuple[int, ...]]:
    """Returns a field that holds a list of whole numbers; empty if it is absent."""

    def read(node: Node, key: str, raw: Any) -> tuple[int, ...]:
        items = enumerate(_typed(node, key, raw, list))
        return tuple(typed(node.resource, f"{node.at(key)}[{index}]", item, int) for index, item in items)

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


def node(key: str, kind: Callable[[Resource, str, Mapping[str, Any] | None], Child]) -> Field[Child]:
    """Returns a field that holds a mapping; an empty node if it is absent (`has` tells the two apart)."""

    def read(node: Node, key: str, raw: Any) -> Child:
        return kind(node.resource, node.at(key), None if raw is None else _typed(node, key, raw, dict))

    return Field(key, read, READ)


def optional_node(
    key: str, kind: Callable[[Resource, str, Mapping[str, Any] | None], Child]
) -> Field[Child | None]:
    """Returns a field that holds a mapping, empty or not; None if it is absent."""

    def read(node: Node, key: str, raw: Any) -> Child | None:
        return kind(node.resource, node.at(key), _typed(node, key, raw, dict))

    return Field(key, read, None)


def nodes(
    key: str, kind: Callable[[Resource, str, Mapping[str, Any] | None], Child]
) -> Field[tuple[Child, ...]]:
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


def value(
    key: str,
    kind: Callable[[Resource, str, Mapping[str, Any] | None], Child],
    make: Callable[[Child], Value],
) -> Field[Value]:
    """Returns a field that holds a mapping, and what is made of it; the node itself isn't kept."""
    read = node(key, kind).read
    return Field(key, lambda node, key, raw: make(read(node, key, raw)), READ)


def values(
    key: str,
    kind: Callable[[Resource, str, Mapping[str, Any] | None], Child],
    make: Callable[[Child], Value],
) -> Field[tuple[Value, ...]]:
    """Returns a field that holds a list of mappings, and what is made of each; no node is kept."""
    read = nodes(key, kind).read
    return Field(key, lambda node, key, raw: tuple(map(make, read(node, key, raw))), ())


def named(
    key: str, kind: Callable[[Resource, str, Mapping[str, Any] | None], Child]
) -> Field[Mapping[str, Child]]:
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


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        yield from (item for item in value if isinstance(item, Node))
    elif isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, Node))
