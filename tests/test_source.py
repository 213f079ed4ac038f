from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.errors import InputError
from harness.manifests.documents import parse
from harness.manifests.spans import Mark

READ = {
    "numbers and truths": ("a: 1\nb: 1.5\nc: yes\nd: null", {"a": 1, "b": 1.5, "c": True, "d": None}),
    "dates stay text": ("a: 2020-01-01", {"a": "2020-01-01"}),
    "sexagesimals stay text": ("a: 12:30", {"a": "12:30"}),
    "keys are text": ("80: a\non: b", {"80": "a", "on": "b"}),
    "aliases": ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    "merge keys": ("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
    "JSON": ('{"a": [true, "b"]}', {"a": [True, "b"]}),
}


@pytest.mark.parametrize("case", READ)
def test_read(case: str):
    text, data = READ[case]
    assert [document.data for document in parse(text, "f")] == [data]


def test_marks_tell_line_column_and_last_line():
    (document,) = parse("a:\n- name: x\n  to: {b: 1}\n\n- name: y\n", "f")
    assert document.mark(("a", 0)) == Mark(2, 3, 4)
    assert document.mark(("a", 0, "to")) == Mark(3, 3, 3)
    assert document.mark(("a", 1, "name")) == Mark(5, 3, 5)
    assert document.mark(("a", 1, "nothing", "below")) == document.mark(("a", 1)) == Mark(5, 3, 5)
    assert document.has(("a", 1, "name"))
    assert not document.has(("a", 1, "nothing"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\n\tb: 2", "f:2:1: a tab in the indentation"),
        ("a: 1\na: 2", "f:2:1: duplicate key 'a'"),
        ("{{ .Values.x }}: 1", "f:1:1: a key that isn't a word"),
        ("a: {{ .Values.x }}", "f:1:5: a key that isn't a word"),
        ("a: !!binary eA==", "f:1:4: the tag"),
        ("a: &x [*x]", "f:1:4: an anchor that contains an alias of itself"),
        ("a: {<<: 1}", "f:1:9: `<<` merges mappings only"),
        ("[" * 100_000, "f:1:101: nested more than 100 levels deep"),
        ("{a: " * 100_000, "f:1:401: nested more than 100 levels deep"),
        ("- " * 100_000, "f:1:201: nested more than 100 levels deep"),
    ],
)
def test_refused(text: str, error: str):
    with pytest.raises(InputError) as caught:
        list(parse(text, "f"))
    assert str(caught.value).startswith(error)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str):
    with suppress(InputError):
        list(parse(text, "f"))
