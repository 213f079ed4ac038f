"""Reading an object so that no field is passed over: what nobody asked for is known at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

Kind = TypeVar("Kind")

_NAMES: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    bool: "true or false",
}


class Reader:
    """A mapping inside an object, which remembers the fields that were read.

    Fields of a wrong type raise InputError with the object's place.
    """

    def __init__(self, resource: Resource, data: dict[str, Any], path: str) -> None:
        self.resource = resource
        self.path = path
        self._data = {key: value for key, value in data.items() if value is not None}
        self._read: set[str] = set()
        self._inner: list[Reader] = []

    @property
    def data(self) -> dict[str, Any]:
        """All that it reads; a field that is taken from here doesn't count as read."""
        return self._data

    @classmethod
    def of(cls, resource: Resource) -> Reader:
        """Returns a reader of the object's spec."""
        spec = resource.data.get("spec")
        return cls(resource, _typed(resource, "spec", {} if spec is None else spec, dict), "spec")

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def at(self, key: str) -> str:
        """Returns the path of a field."""
        return f"{self.path}.{key}"

    def value(self, key: str, default: Any = None) -> Any:
        """Returns a field with all that is in it, and counts it as read."""
        self._read.add(key)
        return self._data.get(key, default)

    def text(self, key: str, default: str = "") -> str:
        """Returns a text, or the default if the field is absent."""
        value = self.value(key, default)
        return _typed(self.resource, self.at(key), value, str)

    def integer(self, key: str) -> int | None:
        """Returns a whole number, None if the field is absent."""
        value = self.value(key)
        return None if value is None else _typed(self.resource, self.at(key), value, int)

    def texts(self, key: str) -> tuple[str, ...]:
        """Returns a list of texts, empty if the field is absent."""
        items = _typed(self.resource, self.at(key), self.value(key, []), list)
        return tuple(_typed(self.resource, f"{self.at(key)}[{i}]", item, str) for i, item in enumerate(items))

    def numbers(self, key: str) -> frozenset[int]:
        """Returns a list of numbers that are written as texts, empty if the field is absent."""
        for index, text in enumerate(self.texts(key)):
            if not text.isdecimal():
                raise InputError(
                    f"{self.resource} {self.at(key)}[{index}] must be a number, not {text!r}",
                    where=self.resource.place(f"{self.at(key)}[{index}]"),
                )
        return frozenset(map(int, self.texts(key)))

    def mapping(self, key: str) -> dict[str, Any]:
        """Returns a mapping with free keys, empty if the field is absent; all of it counts as read."""
        return _typed(self.resource, self.at(key), self.value(key, {}), dict)

    def labels(self, key: str) -> dict[str, str]:
        """Returns a mapping of texts, empty if the field is absent."""
        found = self.mapping(key)
        return {name: _typed(self.resource, f"{self.at(key)}.{name}", found[name], str) for name in found}

    def part(self, key: str) -> Reader:
        """Returns a reader of the mapping in a field; it is empty if the field is absent."""
        return self._open(_typed(self.resource, self.at(key), self.value(key, {}), dict), self.at(key))

    def parts(self, key: str) -> tuple[Reader, ...]:
        """Returns readers of the mappings in a list; none if the field is absent."""
        items = _typed(self.resource, self.at(key), self.value(key, []), list)
        paths = (f"{self.at(key)}[{index}]" for index in range(len(items)))
        return tuple(
            self._open(_typed(self.resource, path, {} if item is None else item, dict), path)
            for path, item in zip(paths, items, strict=True)
        )

    def required(self, key: str) -> Reader:
        """Returns this reader; raises InputError if the field is absent or empty."""
        if not self._data.get(key):
            raise InputError(
                f"{self.resource} {self.at(key)} is missing", where=self.resource.place(self.at(key))
            )
        return self

    def leave(self) -> None:
        """Counts all fields as read: what is said about the whole needn't be said about each."""
        self._read |= self._data.keys()
        for inner in self._inner:
            inner.leave()

    def unread(self) -> Iterator[str]:
        """Yields the paths of fields that hold something and that nobody read."""
        for key, value in self._data.items():
            if key not in self._read and value not in ({}, []):
                yield self.at(key)
        for inner in self._inner:
            yield from inner.unread()

    def _open(self, data: dict[str, Any], path: str) -> Reader:
        inner = Reader(self.resource, data, path)
        self._inner.append(inner)
        return inner


def _typed(resource: Resource, path: str, value: Any, kind: type[Kind]) -> Kind:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{resource} {path} must be {_NAMES[kind]}", where=resource.place(path))
    return value
