"""Texts that fulfil conditions are found, or it is proven that there are none."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.explore.kinds import Kind, Undecided
from harness.analysis.explore.texts import contradict, value_for
from harness.base.explored import AND, Asked, Property, Several, Some, Which
from harness.base.matching import TextMatch

SMALL = Kind(characters="/ab", start="/")
EVERY = ["/" + "".join(rest) for length in range(5) for rest in product("/ab", repeat=length)]
"""All texts of up to five characters."""

VALUES = st.sampled_from(["/", "/a", "/a/", "/ab", "/a/b", "/b", "/ab/a"])
TESTS = st.one_of(
    st.builds(TextMatch, st.sampled_from(["exact", "prefix", "suffix", "segments"]), VALUES),
    st.builds(
        TextMatch, st.just("regex"), st.sampled_from(["/a.*", "/[ab]+", "(/a|/b)/?", ".{3,}", "/a?b?"])
    ),
)
CONDITIONS = st.lists(
    st.builds(lambda test, answer: Asked("path", (), test, answer), TESTS, st.booleans()), max_size=4
)


@settings(max_examples=150, derandomize=True)
@given(CONDITIONS)
def test_a_text_is_found_where_there_is_one(conditions: list[Asked]):
    fitting = [text for text in EVERY if all(each.holds(text) for each in conditions)]
    found = value_for(SMALL, conditions)
    if fitting:
        assert found
    assert all(each.holds(text) for text in found for each in conditions)


NAMED = st.frozensets(VALUES, min_size=1, max_size=3).flatmap(
    lambda names: st.builds(Asked, st.just("path"), st.just(()), st.just(Which(names)), st.sampled_from([None, *sorted(names)]))
)  # fmt: skip
EMPTY = st.builds(
    lambda kind, answer: Asked("path", (), TextMatch(kind, ""), answer),
    st.sampled_from(["prefix", "suffix"]),
    st.booleans(),
)


@settings(max_examples=200, derandomize=True)
@given(CONDITIONS, st.lists(NAMED, min_size=1, max_size=3), st.lists(EMPTY, max_size=1))
def test_names_of_tables_are_found_where_they_fit(
    conditions: list[Asked], named: list[Asked], empty: list[Asked]
):
    every = [*conditions, *named, *empty]
    fitting = [text for text in EVERY if all(each.holds(text) for each in every)]
    found = value_for(SMALL, every)
    assert not fitting or found
    assert all(each.holds(text) for text in found for each in every)


@settings(max_examples=300, derandomize=True)
@given(CONDITIONS)
def test_what_is_said_to_contradict_is_in_no_text(conditions: list[Asked]):
    for one, other in pairwise(conditions):
        if contradict(one, other):
            assert not any(one.holds(text) and other.holds(text) for text in EVERY)


def test_what_no_automaton_says_is_not_decided():
    odd = Asked("path", (), TextMatch("regex", r"/\p{Greek}"), answer=True)
    with pytest.raises(Undecided, match="Greek"):
        value_for(SMALL, [odd])


LISTS = Kind(characters="/abhz0", start="/", several=AND)
VALUES_OF_LISTS = [AND.join(texts) for count in (1, 2) for texts in product(EVERY[:40], repeat=count)]
"""Lists of one and two short texts."""

OF_LISTS = st.lists(
    st.builds(lambda test, answer: Asked("claim", (), Some(test), answer), TESTS, st.booleans()), max_size=4
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(OF_LISTS)
def test_a_list_is_found_where_there_is_one(conditions: list[Asked]):
    found = value_for(LISTS, conditions)
    assert all(each.holds(value) for value in found for each in conditions)
    if not found:
        assert not any(all(each.holds(value) for each in conditions) for value in VALUES_OF_LISTS)


def test_a_list_holds_what_no_text_does():
    both = [Asked("claim", (), Some(TextMatch("exact", text)), answer=True) for text in ("/a", "/b")]
    assert value_for(LISTS, both) == [f"/a{AND}/b"]
    assert value_for(LISTS, [*both, Asked("claim", (), Several(), answer=False)]) == []


def test_what_a_function_makes_of_a_text_is_not_the_text():
    other = Asked("path", (), Property({"a": "b", "b": "a"}.get), "b")
    it = Asked("path", (), TextMatch("exact", "a", ignore_case=True), answer=True)
    assert value_for(Kind(few=("a", "b")), [other, it]) == ["a"]
