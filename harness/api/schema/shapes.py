"""Strict checking of objects against what an API has and what the model decides with.

A shape is plain data: a type's name (`"string"`, `"integer"`, `"port"`, …: see `_TYPES` and `_FORMATS`),
`[shape]` for a list, `{field: shape}` for an object (it may hold itself), or one of the classes below.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.api.refusal import Refused
from harness.base import expressions
from harness.base.durations import is_duration, seconds
from harness.base.errors import did_you_mean, not_modelled
from harness.base.networks import is_network

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from harness.api.schema.kinds import Kind
    from harness.base.resources import Resource


class _Later:
    """A field that the API has and the model doesn't decide on."""


LATER = _Later()

UNKNOWN_FIELD = "the API has no such field"
"""Why an object isn't decided on that has a field which its API doesn't know."""


@dataclass(frozen=True)
class Map:
    """A map with free keys."""

    value: Shape


@dataclass(frozen=True)
class Required:
    """A field that must be there."""

    value: Shape


@dataclass(frozen=True)
class Range:
    """An integer between two bounds, which are included; `words` say so, or those of OpenAPI do."""

    minimum: int
    maximum: int
    words: str = ""


@dataclass(frozen=True)
class Pattern:
    """A text that matches a regular expression."""

    regex: str


class Enum(tuple[str | int, ...]):
    """A value that is one of a fixed set."""

    def __new__(cls, *values: str | int) -> Enum:
        return super().__new__(cls, values)


class OneOf(dict[str, "Shape"]):
    """An object of whose fields one at most may be set."""


class Open(dict[str, "Shape"]):
    """An object of Kubernetes' own kinds, with fields that the model passes over.

    In these kinds an empty text or list is as good as none, and a required object that is absent
    is an empty one.
    """


Shape: TypeAlias = (
    "str | _Later | Map | Required | Range | Pattern | Enum | list[Shape] | dict[str, Shape] | OneOf | Open"
)

PORT = Range(1, 65535, "must be between 1 and 65535, inclusive")

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "duration": (str,),
    "limit": (str,),
    "filled": (str,),
    "network": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "port": (int, str),
    "quantity": (int, float, str),
}

NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
"""What the API server calls types."""

_TYPE_NAMES = {
    "port": "integer",
    "duration": "string",
    "limit": "string",
    "filled": "string",
    "network": "string",
}


def _is_limit(text: str) -> bool:
    return is_duration(text) and (seconds(text) or 0) >= 0.001


_FORMATS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "duration": (is_duration, "must be a valid duration"),
    "integer": (
        lambda value: -(2**31) <= value < 2**31,
        "must be of type integer with format int32 in {path}",
    ),
    "filled": (bool, "{path} in body should be at least 1 chars long"),
    "limit": (_is_limit, "must be a valid duration greater than 1ms"),
    "network": (is_network, "must be an address or a network in CIDR notation"),
    "number": (math.isfinite, "must be a finite number"),
    "quantity": (
        lambda value: re.fullmatch(r"\d{1,9}(\.\d{1,9})?[mk]?", str(value)) is not None,
        "must be a number from 0, perhaps with the suffix m or k",
    ),
}


def without_nulls(resource: Resource) -> Resource:
    """Returns the object without fields that are null: the API server takes them for absent."""
    return replace(resource, data=_pruned(resource.data)) if _has_null(resource.data) else resource


def _has_null(value: Any) -> bool:
    parts = [value]
    for part in parts:  # a loop, not a recursion: every object that is loaded comes through here
        items = part.values() if type(part) is dict else part
        if None in items:
            return True
        parts += [item for item in items if type(item) is dict or type(item) is list]
    return False


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None}
    return [_pruned(item) for item in value] if isinstance(value, list) else value


def check(resource: Resource, kind: Kind) -> None:
    """Checks an object's fields against its kind.

    Raises NotModelledError for a field that the API doesn't have or the model can't decide on,
    Refused for a required field that is absent, and for a value of the wrong type or form.
    """
    data = {k: v for k, v in resource.data.items() if k not in ("apiVersion", "kind", "metadata", "status")}
    _check_object(resource, data, kind.fields, "")


def _check(resource: Resource, value: Any, shape: Shape, path: str) -> None:
    if type(shape) is Required:
        shape = shape.value
    match shape:
        case str():
            _check_leaf(resource, value, shape, path)
        case dict():
            _check_object(resource, _typed(resource, value, (dict,), "object", path), shape, path)
        case list():
            for index, item in enumerate(_typed(resource, value, (list,), "array", path)):
                _check(resource, item, shape[0], f"{path}[{index}]")
        case _Later():
            raise not_modelled(resource, path, "the API has this field, but the model doesn't decide on it")
        case Enum():
            if value not in shape:
                supported = ", ".join(json.dumps(option) for option in shape)
                words = f"Unsupported value: {_shown(value)}: supported values: {supported}"
                raise Refused.invalid(resource, path, words)
        case Range():
            if not shape.minimum <= _typed(resource, value, (int,), "integer", path) <= shape.maximum:
                below = value < shape.minimum
                than, bound = ("greater", shape.minimum) if below else ("less", shape.maximum)
                words = shape.words or f"{path} in body should be {than} than or equal to {bound}"
                raise _invalid(resource, path, value, words)
        case Pattern():
            text = _typed(resource, value, (str,), "string", path)
            if not expressions.matches(shape.regex, text, expressions.Dialect.GO):
                raise _invalid(resource, path, value, f"{path} in body should match '{shape.regex}'")
        case Map():
            for key, item in _typed(resource, value, (dict,), "object", path).items():
                if item is not None:
                    _check(resource, item, shape.value, f"{path}.{key}")


def _check_object(resource: Resource, value: dict[str, Any], shape: dict[str, Shape], path: str) -> None:
    prefix = f"{path}." if path else ""
    passes_over = isinstance(shape, Open)
    for key, part in shape.items():
        if type(part) is not Required:
            continue
        if value.get(key) is None or (passes_over and value[key] in ("", [])):
            if not isinstance(part.value, Open):
                raise Refused.invalid(resource, f"{prefix}{key}", "Required value")
            _check_object(resource, {}, part.value, f"{prefix}{key}")
    for key, item in value.items():
        if item is None:
            continue
        if key in shape:
            if shape[key] != "string" or type(item) is not str:  # what most fields are, and hold
                _check(resource, item, shape[key], f"{prefix}{key}")
        elif not passes_over:
            raise _unknown(resource, f"{prefix}{key}", shape)
    if isinstance(shape, OneOf) and (present := sum(item is not None for item in value.values())) > 1:
        words = f'"{path}" must validate one and only one schema (oneOf). Found {present} valid alternatives'
        raise Refused.invalid(resource, path, f'Invalid value: "object": {words}')


def _check_leaf(resource: Resource, value: Any, name: str, path: str) -> None:
    if name == "any" or (name == "string" and isinstance(value, str)):
        return
    _typed(resource, value, _TYPES[name], _TYPE_NAMES.get(name, name), path)
    if name == "port" and isinstance(value, int):
        _check(resource, value, PORT, path)
    fits, words = _FORMATS.get(name, (None, ""))
    if fits and not fits(value):
        raise _invalid(resource, path, value, words.format(path=path))


def _typed(resource: Resource, value: Any, types: tuple[type, ...], name: str, path: str) -> Any:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        written = NAMES.get(type(value), "null")
        raise _invalid(resource, path, written, f'{path} in body must be of type {name}: "{written}"')
    return value


def _invalid(resource: Resource, path: str, value: Any, words: str) -> Refused:
    return Refused.invalid(resource, path, f"Invalid value: {_shown(value)}: {words}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float) else '"object"'


def _unknown(resource: Resource, path: str, shape: Collection[str]) -> Exception:
    name = path.rpartition(".")[2]
    return not_modelled(resource, path, UNKNOWN_FIELD, did_you_mean(name, shape))
