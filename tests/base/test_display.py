from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.base.display import REDACTED, line, redacted, redacted_header, shown


@given(st.text())
def test_nothing_unseen_is_left(text: str):
    assert all(
        unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or each in "\n\t"
        for each in shown(text)
    )
    assert "\n" not in line(text)


@given(st.text())
def test_json_stays_what_it_was(text: str):
    written = json.dumps([text], ensure_ascii=False, indent=1)
    assert json.loads(shown(written)) == [text]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\n\ttext ü", "plain\n\ttext ü"),
        ("a\x1b[31mb", "a\\u001b[31mb"),
        ("a\rb", "a\\u000db"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("x\n::error file=a::b", "x\n\\u003a:error file=a::b"),
        ("  ::add-mask::x", "  \\u003a:add-mask::x"),
        ("##vso[task.x]", "\\u0023#vso[task.x]"),
        ("##[error]", "\\u0023#[error]"),
        ("## a heading", "## a heading"),
        ("a::b", "a::b"),
    ],
)
def test_commands_are_shown(text: str, seen: str):
    assert shown(text) == seen


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("http://user:pass@host/x", f"http://{REDACTED}@host/x"),
        ("http://host/a@b?token=abc&x=1", f"http://host/a@b?token={REDACTED}&x=1"),
        ("/a?api_key=1;sig=2", f"/a?api_key={REDACTED};sig={REDACTED}"),
        ("Bearer abcdefghijkl.mnop", f"Bearer {REDACTED}"),
        ("eyJhbGciOi.eyJzdWIi.x-y_z", REDACTED),
        ("basic auth", "basic auth"),
        ("http://host/?tokens=5", "http://host/?tokens=5"),
    ],
)
def test_credentials_are_redacted(text: str, left: str):
    assert redacted(text) == left


@pytest.mark.parametrize(
    "name",
    ["Authorization", "proxy-authorization", "Cookie", "set-cookie", "X-Api-Key", "x-auth-token", "x-amz-security-token", "X-Session-Id"],
)  # fmt: skip
def test_headers_of_credentials_are_redacted(name: str):
    assert redacted_header(name, "value") == REDACTED
    assert redacted_header("x-user", "value") == "value"
