"""The YAML files that say which fields kinds have, and how shapes are written there."""

import pytest
import yaml

from harness.api.schema.kinds import KINDS, _shape
from harness.api.schema.shapes import LATER, Enum, Map, OneOf, Open, Pattern, Range, Required

WRITTEN = {
    "a type": ("string", "string"),
    "not decided on": ("later", LATER),
    "a list": ("[string]", ["string"]),
    "a map": ('{"*": string}', Map("string")),
    "an object": ("{a: string, b!: [integer]}", {"a": "string", "b": Required(["integer"])}),
    "a part of an object": ("!open {a: string}", Open(a="string")),
    "one of several fields": ("!oneOf {a: string, b: string}", OneOf(a="string", b="string")),
    "values": ("!enum [a, 301]", Enum("a", 301)),
    "bounds": ("!range [1, 65535]", Range(1, 65535)),
    "an expression": ('!pattern "^a$"', Pattern("^a$")),
    "shared fields": (
        "[&all {a: string}, {<<: *all, b: string}]",
        [{"a": "string"}, {"a": "string", "b": "string"}],
    ),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_notation(case):
    text, shape = WRITTEN[case]
    read = _shape(yaml.compose(text, yaml.SafeLoader), {})
    assert (type(read), read) == (type(shape), shape)


def test_a_shape_may_hold_itself():
    read = _shape(yaml.compose("&condition {all: [*condition]}", yaml.SafeLoader), {})
    assert read["all"][0] is read


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: f"{kind.group}/{kind.name}")
def test_each_kind_has_its_fields(kind):
    assert "spec" in kind.fields
    assert kind.versions
