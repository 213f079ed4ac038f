"""Typed reading of objects: a class for each kind of mapping, a descriptor for each of its fields.

    class Destination(Node):
        host = field.text("host")
        port = field.node("port", PortSelector)

A node is a mapping inside an object. It reads a field when it is asked for it, once; so it knows at any
time which fields nobody asked for (`unread`), and each field's path in the object (`at`). A reading is made
anew for each consumer (`of`), so that what one reads says nothing of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from harness.api.field import Field, typed
from harness.base.errors import InputError
from harness.base.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NOTHING: dict[str, Any] = {}


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
        _set_data(self, data or _NOTHING)

    def __init_subclass__(cls) -> None:
        for name, field in vars(cls).items():  # in a field's place the node's own would be read
            if isinstance(field, Field) and hasattr(Node, name):
                raise TypeError(f"{cls.__name__}.{name} has a name that each node uses itself")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} can't be set: a reading doesn't change")

    def at(self, key: str) -> str:
        """Returns the path of a field, by the name that it has in YAML."""
        return f"{self.path}.{key}" if self.path else key

    def entry(self, key: str, index: int) -> str:
        """Returns the path of an entry of a list."""
        return f"{self.at(key)}[{index}]"

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

    def children(self) -> Iterator[Node]:
        """Yields the nodes that its fields hold."""
        for key, name in self._fields().items():
            if self.has(key):
                yield from _nodes_in(getattr(self, name))

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


_set_resource, _set_path, _set_data = (vars(Node)[name].__set__ for name in ("resource", "path", "data"))


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


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        yield from (item for item in value if isinstance(item, Node))
    elif isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, Node))
