from __future__ import annotations

import pytest

from harness.api.headers import HeaderChanges
from harness.base.durations import seconds
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch, query_values, replace_prefix


@pytest.mark.parametrize(
    ("kind", "value", "text", "holds"),
    [
        ("exact", "/v2", "/v2", True),
        ("exact", "/v2", "/V2", False),
        ("prefix", "/v2", "/v2example", True),
        ("suffix", "/ok", "/a/ok", True),
        ("segments", "/v2", "/v2", True),
        ("segments", "/v2", "/v2/x", True),
        ("segments", "/v2", "/v2example", False),
        ("segments", "/v2/", "/v2", True),
        ("segments", "/", "/anything", True),
        ("regex", "/v[0-9]+", "/v22", True),
        ("regex", "/v[0-9]+", "/v2/x", False),
        ("regex", "a|ab", "ab", True),
        ("present", "", "", True),
        ("present", "", None, False),
        ("prefix", "", None, False),
    ],
)
def test_text_match(kind, value, text, holds):
    assert TextMatch(kind, value).holds(text) is holds


def test_ignored_case():
    assert TextMatch("prefix", "/V2", ignore_case=True).holds("/v2/x")


@pytest.mark.parametrize(
    ("dialect", "holds", "words"),
    [
        (Dialect.RE2, True, "regex 'v1|v1beta' (RE2)"),
        (Dialect.RUST, False, "regex 'v1|v1beta' (Rust, leftmost first)"),
        (Dialect.PROFILE, True, "regex 'v1|v1beta' (Rust, between ^ and $)"),
    ],
)
def test_an_expression_says_who_reads_it(dialect, holds, words):
    wanted = TextMatch("regex", "v1|v1beta").read_as(dialect)
    assert wanted.holds("v1beta") is holds
    assert str(wanted) == words
    assert TextMatch("exact", "v1").read_as(dialect) == TextMatch("exact", "v1")


@pytest.mark.parametrize(
    ("path", "prefix", "replacement", "changed"),
    [
        ("/old/a", "/old", "/new", "/new/a"),
        ("/old", "/old", "/new", "/new"),
        ("/old/", "/old", "/new", "/new/"),
        ("/old/a", "/old", "/", "/a"),
        ("/old", "/old", "/", "/"),
        ("/a", "/", "/new", "/new/a"),
        ("/old/a", "/old/", "/new/", "/new/a"),
    ],
)
def test_replaced_prefix(path, prefix, replacement, changed):
    assert replace_prefix(path, prefix, replacement) == changed


def test_query_values_keep_their_order():
    assert query_values("v=3&w=1&v=2&x", "v") == ["3", "2"]
    assert query_values("v=3&w=1&v=2&x", "x") == [""]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1s", 1.0),
        ("500ms", 0.5),
        ("1m30s", 90.0),
        ("0s", None),
        (None, None),
        ("", None),
        ("soon", None),
        ("1.5s", 1.5),
    ],
)
def test_durations(text, value):
    assert seconds(text) == value


def test_header_changes_in_both_orders():
    changes = HeaderChanges(set=(("A", "new"),), add=(("a", "more"),), remove=("gone", "a"))
    headers = (("a", "old"), ("gone", "1"), ("b", "2"))
    assert changes.apply(headers) == (("b", "2"), ("a", "new"), ("a", "more"))
    assert changes.apply_removing_last(headers) == (("b", "2"),)
