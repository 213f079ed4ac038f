from __future__ import annotations

import pytest

from harness.api.headers import HeaderChanges
from harness.base.durations import seconds
from harness.base.matching import TextMatch, query_values, replace_prefix, substitute, unreadable


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


def test_unreadable_pattern():
    assert unreadable("(") == "missing ), unterminated subpattern at position 0"
    assert unreadable("a", r"\1") == "invalid group reference 1 at position 1"
    assert unreadable("(a)", r"\1\0") == ""


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


def test_substitution_knows_groups_and_the_whole_match():
    assert substitute(r"/svc/([^/]+)/(.*)", r"/\2/\1", "/svc/a/b/c") == "/b/c/a"
    assert substitute("b", r"<\0>", "abcb") == "a<b>c<b>"


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
