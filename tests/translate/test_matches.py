"""Plain texts as expressions: each engine reads them as the text, so none has to be asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.translate.route.matches import Text
from harness.base import expressions


@given(st.sampled_from(["exact", "prefix"]), st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_quoted_text_is_written_as_it_stands(kind: str, value: str):
    text = Text(kind, value)
    assert expressions.for_rust(text.pattern) == text.pattern == text.written
    assert text.sayable
