"""Records with other values in some fields, and when two objects are equal."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from harness.base.records import with_fields
from harness.base.resources import Resource
from harness.model import State, changes


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@pytest.mark.parametrize("fields", [{}, {"x": 2}, {"x": 2, "y": 3}])
def test_fields_are_set_as_dataclasses_do(fields):
    point = Point(1)
    assert with_fields(point, **fields) == replace(point, **fields)
    assert point == Point(1)


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError, match="Point has no field z"):
        with_fields(Point(1), x=2, z=3)


def config(text="a", where="", created=""):
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"key": text}}
    return Resource("v1", "ConfigMap", "default", "c", data, where, created)


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (config(), True),
        (config(where="b.yaml"), True),
        (config(created="2024-01-01T00:00:00Z"), True),
        (config("b"), False),
        (replace(config(), name="d"), False),
        (replace(config(), api_version="v2"), False),
    ],
)
def test_objects_are_equal_that_say_the_same(other, equal):
    assert (config() == other) is equal
    assert not equal or hash(config()) == hash(other)
    assert not equal or len({config(), other}) == 1


def test_states_differ_by_what_objects_say():
    one, same, other = (changes.apply(State(), [config(text)]) for text in "aab")
    assert one == same
    assert one != other
