"""What a definition's structural schema and its rules refuse of an object, as the API server says it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from harness.api.refusal import Refused
from harness.api.schema.rules import Rule, Unevaluated, escaped
from harness.api.schema.shapes import NAMES
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.resources import per_object

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from harness.api.kubernetes.definition import CustomResourceDefinition
    from harness.base.resources import Resource

Fault = tuple[str, str]


@dataclass(frozen=True)
class Structure:
    """The schema of a value: of its parts, their defaults, and what is asked of the whole."""

    fields: Mapping[str, Structure] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    items: Structure | None = None
    entries: Structure | None = None
    keys: tuple[str, ...] = ()
    pattern: str = ""
    rules: tuple[Rule, ...] = ()
    unevaluated: tuple[str, ...] = ()

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Structure:
        """Reads a schema (of OpenAPI, as definitions have it)."""
        properties: Mapping[str, Any] = schema.get("properties") or {}
        entries, items = schema.get("additionalProperties"), schema.get("items")
        rules, unevaluated = [], []
        for written in schema.get("x-kubernetes-validations") or ():
            try:
                rules.append(Rule.of(written))
            except Unevaluated:
                unevaluated.append(" ".join(str(written["rule"]).split()))
        return cls(
            {key: cls.of(part) for key, part in properties.items()},
            {key: escaped(key) for key in properties if escaped(key) != key},
            {key: part["default"] for key, part in properties.items() if "default" in part},
            cls.of(items) if isinstance(items, dict) else None,
            cls.of(entries) if isinstance(entries, dict) else None,
            tuple(schema.get("x-kubernetes-list-map-keys") or ()),
            schema.get("pattern") or "",
            tuple(rules),
            tuple(unevaluated),
        )

    def filled(self, value: Any) -> Any:
        """Returns a value with the defaults of what is absent."""
        if isinstance(value, dict):
            whole = {**{key: default for key, default in self.defaults.items() if key not in value}, **value}
            return {
                key: part.filled(item) if (part := self._of(key)) else item for key, item in whole.items()
            }
        if isinstance(value, list) and self.items:
            return [self.items.filled(item) for item in value]
        return value

    def _of(self, key: str) -> Structure | None:
        return self.fields.get(key) or self.entries

    def forms(self, value: Any, path: str) -> Iterator[Fault]:
        """Yields texts that don't match their pattern, and items of a list that have a key in common."""
        if isinstance(value, dict):
            for key, item in value.items():
                if part := self._of(key):
                    yield from part.forms(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and self.items:
            seen = set()
            for index, item in enumerate(value):
                yield from self.items.forms(item, f"{path}[{index}]")
                own = {key: item[key] for key in self.keys if key in item} if self.keys else {}
                if own and (word := json.dumps(own, sort_keys=True)) in seen:
                    yield f"{path}[{index}]", f"Duplicate value: {json.dumps(own, separators=(',', ':'))}"
                elif own:
                    seen.add(word)
        elif isinstance(value, str) and self.pattern and not _matches(self.pattern, value):
            words = f"{path} in body should match '{self.pattern}'"
            yield path, f"Invalid value: {json.dumps(value, ensure_ascii=False)}: {words}"

    def breaks(self, value: Any, old: Any, path: str) -> Generator[Fault, None, Any]:
        """Yields what rules refuse, the inner first; raises Unevaluated where one can't be evaluated.

        Returns the value as rules read it: with the names of fields escaped, those of maps as they are.
        """
        own = value
        if isinstance(value, dict):
            before, own = old if isinstance(old, dict) else {}, {}
            for key, item in value.items():
                part, name = self._of(key), self.names.get(key, key)
                if part:
                    place = f"{path}.{key}" if path else key
                    item = yield from part.breaks(item, before.get(key), place)
                own[name] = item
        elif isinstance(value, list) and self.items:
            own = []
            for index, item in enumerate(value):
                own.append((yield from self.items.breaks(item, None, f"{path}[{index}]")))
        for rule in self.rules:
            if rule.is_transition and old is None:
                continue
            previous = self._read(old) if rule.is_transition else None
            if words := rule.fault(own, previous, value):
                yield f"{path}{rule.below}", words
        return own

    def _read(self, value: Any) -> Any:
        """A value as rules read it."""
        reading = self.breaks(value, None, "")
        while True:
            try:
                next(reading)
            except StopIteration as end:
                return end.value

    def unevaluated_below(self, path: str = "") -> Iterator[str]:
        """Yields the rules that can't be evaluated, each with its field."""
        yield from (f"{path or 'the object'}: {rule}" for rule in self.unevaluated)
        parts = {f"{path}.{key}" if path else key: part for key, part in self.fields.items()}
        parts |= {f"{path}[]": self.items} if self.items else {}
        parts |= {f"{path}.*": self.entries} if self.entries else {}
        for place, part in parts.items():
            yield from part.unevaluated_below(place)


def _matches(pattern: str, text: str) -> bool:
    return expressions.matches(pattern, text, expressions.Dialect.GO)


@dataclass(frozen=True)
class _Schema:
    validator: jsonschema_rs.Draft4Validator
    structure: Structure


def check(definition: CustomResourceDefinition, resource: Resource, before: Resource | None) -> None:
    """Raises Refused for what the definition of an object's kind refuses; `before` is the object so far.

    Raises NotModelledError for an object of which a rule can't be evaluated. What was taken once, as a new
    object, needn't be looked at again.
    """
    schema, key = _schema(definition.resource, resource.version), (check, id(definition))
    if schema is None or (before is None and key in resource.lookups):
        return
    data = schema.structure.filled(resource.data)
    for error in schema.validator.iter_errors(data):
        raise Refused.invalid(resource, *_words(error))
    for place, words in schema.structure.forms(data, ""):
        raise Refused.invalid(resource, place, words)
    old = schema.structure.filled(before.data) if before else None
    try:
        for place, words in schema.structure.breaks(data, old, ""):
            raise Refused.invalid(resource, place, words)
    except Unevaluated as error:
        raise not_modelled(resource, "", f"a rule of its definition can't be evaluated: {error}") from None
    if before is None:
        resource.lookups[key] = definition  # with it, so that no other takes its place in memory


def unevaluated(definition: CustomResourceDefinition, version: str) -> tuple[str, ...]:
    """Returns the rules of a definition's version that can't be evaluated, each with its field."""
    schema = _schema(definition.resource, version)
    return tuple(schema.structure.unevaluated_below()) if schema else ()


@per_object
def _schema(definition: Resource, version: str) -> _Schema | None:
    from harness.api.kubernetes.definition import CustomResourceDefinition

    structures = {
        each.name: each.schema.structure for each in CustomResourceDefinition.kept(definition).versions
    }
    written = structures.get(version)
    if not written:
        return None
    try:
        validator = jsonschema_rs.Draft4Validator(_plain(written))
    except jsonschema_rs.ValidationError as error:
        words = f"the schema of {version} is none: {error.message}"
        raise Refused.invalid(definition, "spec.versions", words) from None
    return _Schema(validator, Structure.of(written))


def _plain(schema: Any) -> Any:
    """A schema without what the structure itself looks at: patterns, which are Go's, and extensions."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = ("pattern", "default", "description", "example")
    return {
        key: {name: _plain(part) for name, part in value.items()} if key == "properties" else _plain(value)
        for key, value in schema.items()
        if key not in left_out and not key.startswith("x-")
    }


def _words(error: jsonschema_rs.ValidationError) -> Fault:
    """Where and how the API server says what a validator found."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    path, kind, value = path.removeprefix("."), error.kind, error.instance
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, dict | list) else '"object"'
    limit, size = kind.value, len(value) if isinstance(value, dict | list | str) else 0
    match kind.name:
        case "required":
            return f"{path}.{kind.value}".removeprefix("."), "Required value"
        case "type":
            name = NAMES.get(type(value), "null")
            expected = " or ".join(kind.value)
            return path, f'Invalid value: "{name}": {path} in body must be of type {expected}: "{name}"'
        case "enum":
            supported = ", ".join(json.dumps(option) for option in kind.value)
            return path, f"Unsupported value: {shown}: supported values: {supported}"
        case "maxItems":
            return path, f"Too many: {size}: must have at most {limit} items"
        case "minItems":
            words = f"{path} in body should have at least {limit} items"
            return path, f"Invalid value: {size}: {words}"
        case "maxLength":
            return path, f"Too long: may not be more than {limit} bytes"
        case "minLength":
            words = f"{path} in body should be at least {limit} chars long"
            return path, f"Invalid value: {shown}: {words}"
        case "minimum" | "maximum":
            than = "greater" if kind.name == "minimum" else "less"
            words = f"{path} in body should be {than} than or equal to {limit}"
            return path, f"Invalid value: {shown}: {words}"
    return path, f"Invalid value: {shown}: {error.message}"
