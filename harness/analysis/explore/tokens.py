"""Tokens in headers of explored requests: what rules that match the header's text make of them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.analysis.explore.automata import shortest
from harness.analysis.explore.kinds import Kind, Undecided
from harness.base.explored import TOKEN, Asked
from harness.base.expressions import quoted
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_START = "eyJ"
_FORM = rf"{_START}[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"
"""What tokens look like: three parts in base64, the first of which is an object [RFC 7519]."""


def told_apart(values: Mapping[str, object], journal: Iterable[Asked]) -> str:
    """Returns the question that tells tokens apart by their texts, in words; empty if there is none.

    A request stands for all whose token has its claims. How it is written is its issuer's affair, so a rule
    that some of those texts fulfil, and others don't, isn't decided.
    """
    for asked in journal:
        value = values.get(asked.attribute)
        if isinstance(value, str) and value.endswith(TOKEN) and _depends(asked, value.removesuffix(TOKEN)):
            return f"whether a token is one that a rule takes by its text ({asked.test})"
    return ""


@lru_cache(maxsize=1024)
def _depends(asked: Asked, start: str) -> bool:
    """Whether the answer depends on which token stands behind a start."""
    test = asked.test
    if not isinstance(test, TextMatch) or test.kind == "present" or test.value.endswith(TOKEN):
        return False
    if test.kind != "regex" and _START not in test.value:
        return test.kind == "suffix"
    texts = Kind(absent=True, never="", form=quoted(start) + _FORM)
    try:
        return all(shortest(texts, (replace(asked, answer=answer),)) for answer in (True, False))
    except Undecided:
        return True


def of_any(conditions: Iterable[Asked]) -> list[Asked] | None:
    """Returns the conditions for a token of any text where they ask for one; None if they don't."""
    given, own = list(conditions), False
    for at, each in enumerate(given):
        test = each.test
        if isinstance(test, TextMatch) and test.value.endswith(TOKEN) and each.answer is True:
            start = quoted(test.value.removesuffix(TOKEN))
            before = ".*" if test.kind == "suffix" else ""
            given[at], own = replace(each, test=TextMatch("regex", f"{before}{start}{_FORM}")), True
    return given if own else None
