"""Strict checking of objects against what an API has and what the model decides with.

A shape is written as plain data: a type's name (`"string"`, `"integer"`, `"number"`, `"boolean"`,
`"duration"`, `"any"`), `[shape]` for a list, `{field: shape}` for an object, `Map(shape)` for a map
with free keys, `Enum(…)` for texts of a fixed set, `LATER` for a field that the API has and
the model can't decide on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.errors import did_you_mean
from harness.model.objects import not_modelled
from harness.model.refusal import Refused

if TYPE_CHECKING:
    from harness.resources import Resource


class _Later:
    """A field that the API has and the model doesn't decide on."""


LATER = _Later()


@dataclass(frozen=True)
class Map:
    """A map with free keys."""

    value: Shape


class Enum(tuple[str, ...]):
    """A text that is one of a fixed set."""

    def __new__(cls, *values: str) -> Enum:
        return super().__new__(cls, values)


Shape: TypeAlias = "str | _Later | Map | Enum | list[Shape] | dict[str, Shape]"

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "duration": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "port": (int, str),
}


@dataclass(frozen=True)
class Kind:
    """A kind: the versions that its group serves, and the shape of its spec."""

    versions: tuple[str, ...]
    spec: dict[str, Shape]


def check(resource: Resource, kind: Kind) -> None:
    """Checks an object's fields against its kind.

    Raises NotModelledError for a field that the API doesn't have or the model can't decide on,
    Refused for a value of the wrong type.
    """
    for key in resource.data:
        if key not in ("apiVersion", "kind", "metadata", "spec", "status"):
            raise _unknown(resource, key, ("apiVersion", "kind", "metadata", "spec"))
    _check(resource, resource.data.get("spec") or {}, kind.spec, "spec")


def _check(resource: Resource, value: Any, shape: Shape, path: str) -> None:
    if value is None or shape == "any":
        return
    match shape:
        case _Later():
            raise not_modelled(resource, path, "the API has this field, but the model doesn't decide on it")
        case Enum():
            if value not in shape:
                supported = ", ".join(f'"{option}"' for option in shape)
                words = f'Unsupported value: "{value}": supported values: {supported}'
                raise Refused.invalid(resource, f"{path}: {words}")
        case Map():
            for key, item in _typed(resource, value, dict, "object", path).items():
                _check(resource, item, shape.value, f"{path}.{key}")
        case list():
            for index, item in enumerate(_typed(resource, value, list, "array", path)):
                _check(resource, item, shape[0], f"{path}[{index}]")
        case dict():
            for key, item in _typed(resource, value, dict, "object", path).items():
                if key not in shape:
                    raise _unknown(resource, f"{path}.{key}", shape)
                _check(resource, item, shape[key], f"{path}.{key}")
        case _:
            types = _TYPES[shape]
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise _wrong_type(resource, value, shape, path)


def _typed(resource: Resource, value: Any, wanted: type, name: str, path: str) -> Any:
    if not isinstance(value, wanted):
        raise _wrong_type(resource, value, name, path)
    return value


def _wrong_type(resource: Resource, value: Any, wanted: str, path: str) -> Refused:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
    found = names.get(type(value), type(value).__name__)
    wanted = {"duration": "string", "port": "integer"}.get(wanted, wanted)
    return Refused.invalid(
        resource,
        f'{path}: Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"',
    )


def _unknown(resource: Resource, path: str, shape: dict[str, Shape] | tuple[str, ...]) -> Exception:
    name = path.rpartition(".")[2]
    return not_modelled(resource, path, "the API has no such field", did_you_mean(name, shape))
