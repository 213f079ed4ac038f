"""How typed readings of objects behave, whatever kind they are of."""

import pytest

from harness.api.field import (
    boolean,
    count,
    derived,
    duration,
    integer,
    labels,
    named,
    node,
    nodes,
    optional,
    text,
    texts,
    value,
    values,
)
from harness.api.node import (
    Node,
    Spec,
)
from harness.base.errors import InputError
from harness.base.places import Location
from harness.base.resources import Resource


class Part(Node):
    name = text("name")
    size = integer("size")


class Whole(Spec):
    title = text("title", "none")
    on = boolean("on")
    wait = duration("wait")
    words = texts("words")
    tags = labels("tags")
    part = node("part", Part)
    parts = nodes("parts", Part)
    by_name = named("byName", Part)


def whole(**spec: object) -> Whole:
    data = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}
    return Whole.of(Resource("v1", "Thing", "ns", "t", data, Location("f.yaml")))


def test_absent_fields_have_defaults():
    empty = whole()
    assert (empty.title, empty.on, empty.wait, empty.words, empty.tags) == ("none", False, None, (), {})
    assert not empty.part
    assert (empty.part.name, empty.parts, empty.by_name) == ("", (), {})


def test_null_is_absent():
    assert whole(title=None, parts=None, words=None).title == "none"
    assert list(whole(title=None, parts=None).unread()) == []


def test_every_value_knows_its_field():
    read = whole(parts=[{"name": "a"}, None], byName={"x": {"size": 3}}, part={})
    assert [part.path for part in read.parts] == ["spec.parts[0]", "spec.parts[1]"]
    assert read.by_name["x"].at("size") == "spec.byName.x.size"
    assert read.by_name["x"].size == 3
    assert read.wait is None
    assert whole(wait="1m30s").wait == 90.0


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"title": 3}, "spec.title must be text"),
        ({"words": "w"}, "spec.words must be a list"),
        ({"words": ["w", 1]}, "spec.words[1] must be text"),
        ({"tags": {"k": True}}, "spec.tags.k must be text"),
        ({"part": []}, "spec.part must be a mapping"),
        ({"part": {"size": True}}, "spec.part.size must be a whole number"),
        ({"parts": [1]}, "spec.parts[0] must be a mapping"),
        ({"byName": {"x": "y"}}, "spec.byName.x must be a mapping"),
    ],
)
def test_a_wrong_type_names_object_and_field(spec, words):
    read = whole(**spec)
    with pytest.raises(InputError) as error:
        _ = read.title, read.words, read.tags, read.part.size, read.parts, read.by_name
    assert str(error.value) == f"f.yaml: Thing ns/t {words}"


def test_what_nobody_read_is_known():
    read = whole(title="x", parts=[{"name": "a", "size": 1}], unknown=1, empty=[], tags={"a": "b"})
    assert list(read.unread()) == ["spec.title", "spec.parts", "spec.unknown", "spec.tags"]
    assert read.parts[0].name == "a"
    assert read.title == "x"
    assert list(read.unread()) == ["spec.parts[0].size", "spec.unknown", "spec.tags"]
    read.parts[0].leave()
    assert list(read.unread()) == ["spec.unknown", "spec.tags"]


def test_what_is_left_counts_as_read():
    read = whole(title="x", parts=[{"name": "a"}], unknown=1, part={"size": 1, "more": 2})
    read.part.leave()
    assert list(read.unread()) == ["spec.title", "spec.parts", "spec.unknown"]
    read.leave("parts")
    read.leave("title")
    assert list(read.unread()) == ["spec.unknown"]
    read.leave()
    assert list(read.unread()) == []


def test_what_must_be_there():
    assert whole(title="x").required("title").title == "x"
    with pytest.raises(InputError, match=r"f.yaml: Thing ns/t spec.title is missing"):
        whole(title="").required("title")


def test_what_is_no_duration():
    with pytest.raises(InputError, match=r"f.yaml: Thing ns/t spec.wait: '5 s' isn't a duration"):
        _ = whole(wait="5 s").wait
    assert whole(wait="0s").wait is None


def test_one_consumers_reading_says_nothing_of_anothers():
    resource = whole(title="x").resource
    assert Whole.of(resource).title == "x"
    assert list(Whole.of(resource).unread()) == ["spec.title"]


def test_a_reading_does_not_change():
    read = whole(title="x")
    with pytest.raises(AttributeError, match="doesn't change"):
        read.title = "y"  # type: ignore[misc, assignment]


@pytest.mark.parametrize("name", ["path", "data", "resource", "at", "unread"])
def test_a_field_may_not_hide_what_each_node_has(name):
    with pytest.raises((TypeError, RuntimeError)):  # Python 3.11 wraps it
        type("Hidden", (Node,), {name: text("x")})


class Pair(Node):
    _name = text("name")

    def upper(self) -> str:
        return self._name.upper()


class Made(Spec):
    note = optional("note")
    number = count("number", 3)
    single = value("single", Pair, Pair.upper)
    several = values("several", Pair, Pair.upper)

    @derived
    def all(self) -> tuple[str, ...]:
        return (self.single, *self.several)


def test_what_is_made_of_mappings_takes_their_place():
    spec = {"single": {"name": "a"}, "several": [{"name": "b"}, None]}
    read = Made.of(Resource("v1", "Thing", "ns", "t", {"spec": spec}))
    assert (read.note, read.number) == (None, 3)
    assert read.all == ("A", "B", "")
    assert read.all is read.all
    assert list(read.unread()) == []


def test_a_kept_reading_stays_with_its_object():
    resource = whole(title="x").resource
    assert Whole.kept(resource) is Whole.kept(resource)
    assert Whole.kept(resource) is not Whole.of(resource)
