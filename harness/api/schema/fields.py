"""The fields that objects set, by schematised names: `http[].fault.delay`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.schema.kinds import KINDS
from harness.api.schema.shapes import Enum, Map, OneOf, Required

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from harness.api.schema.shapes import Shape
    from harness.base.resources import Resource
    from harness.manifests.spans import KeyPath


@dataclass(frozen=True)
class SetField:
    """A field that an object sets: its path from the object's root, and its name without indexes and keys."""

    path: KeyPath
    name: str

    @property
    def text(self) -> str:
        """The path as findings write it: `spec.http[0].fault`."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)[1:]


def set_fields(resource: Resource, units: Collection[str] = ()) -> Iterator[SetField]:
    """Yields the fields that the spec of an object sets, as they stand; what is in `units` isn't gone into.

    A value of a fixed set is part of the name (`mtls.mode STRICT`). A list's items share a name (`[]`), as do
    entries with free keys (`.*`). Of kinds whose schema isn't known the outermost fields are yielded, of an
    empty spec the spec itself.
    """
    spec = resource.data.get("spec") or {}
    if not isinstance(spec, dict) or not spec:
        yield SetField(("spec",), "spec {}")
        return
    kind = KINDS.get((resource.group, resource.kind))
    if kind is None:
        for key, value in spec.items():
            yield SetField(("spec", key), f"{key}[]" if isinstance(value, list) else key)
        return
    for path, name in _walk(spec, kind.fields["spec"], ("spec",), "", units):
        yield SetField(path, name)


def known_beside(resource: Resource, path: str) -> Collection[str]:
    """Returns the names that the API knows where a field stands that it doesn't have; nothing for others.

    Nothing, too, where the kind's schema isn't known.
    """
    kind = KINDS.get((resource.group, resource.kind))
    shape: Shape | None = dict(kind.fields) if kind else None
    for key in re.sub(r"\[\d+\]", ".[]", path).split("."):
        if isinstance(shape, Required):
            shape = shape.value
        if key == "[]":
            shape = shape[0] if isinstance(shape, list) else None
        elif isinstance(shape, dict):
            if key not in shape:
                return shape.keys()
            shape = shape[key]
        else:
            return ()
    return ()


def _walk(
    value: Any, shape: Shape | None, path: KeyPath, name: str, units: Collection[str]
) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(shape, Required):
        shape = shape.value
    inner = () if name in units else tuple(_inside(value, shape, name))
    if value is None or value == []:
        return
    if isinstance(shape, Enum):
        yield path, f"{name} {value}"
    elif not inner:
        yield path, name
    for key, item, part, part_name in inner:
        yield from _walk(item, part, (*path, key), part_name, units)


def _inside(value: Any, shape: Shape | None, name: str) -> Iterator[tuple[str | int, Any, Shape | None, str]]:
    """The parts of a value: their keys, values, shapes and names; none for what is one thing."""
    if isinstance(value, dict) and isinstance(shape, dict | OneOf):
        for key, item in value.items():
            yield key, item, shape.get(key), f"{name}.{key}" if name else key
    elif isinstance(value, dict) and isinstance(shape, Map) and isinstance(shape.value, dict):
        for key, item in value.items():
            yield key, item, shape.value, f"{name}.*"
    elif isinstance(value, list) and isinstance(shape, list) and _is_object(shape[0]):
        for index, item in enumerate(value):
            yield index, item, shape[0], f"{name}[]"


def _is_object(shape: Shape) -> bool:
    return isinstance(shape.value if isinstance(shape, Required) else shape, dict)
