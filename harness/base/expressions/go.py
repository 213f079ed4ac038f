r"""Where Go's regexp differs from RE2, whose syntax it has: its words, and `\C`, which it doesn't take.

[golang/go: regexp/syntax]
"""

from __future__ import annotations

import re

_WORDS = {
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}
_LOOSER = ("pattern too large", *(f"invalid character class range: \\{sign}{{" for sign in "pP"))
_ESCAPES = re.compile(r"\\Q.*?(?:\\E|$)|\\.", re.DOTALL)
_LOOK_BEHIND = re.compile(r"\(\?<[=!](?:[^>]*>|.*)", re.DOTALL)


def refusal(pattern: str, why: str) -> str:
    """Returns what Go says of a pattern that RE2 refuses with these words."""
    words, _, part = why.partition(": ")
    if part in ("(?<=", "(?<!") and (group := _LOOK_BEHIND.search(pattern)):
        # Go takes it for a group with a name.
        words, part = "invalid named capture group", group[0]
    return f"error parsing regexp: {_WORDS.get(words, words)}: `{part}`"


def refusal_of_bytes(pattern: str) -> str:
    r"""Returns what Go says of a pattern with `\C`, a byte, that RE2 takes; empty if there is none in it."""
    if r"\C" in _ESCAPES.findall(pattern):
        return r"error parsing regexp: invalid escape sequence: `\C`"
    return ""


def unsure(why: str) -> bool:
    """Returns whether Go may take what RE2 refuses so: it knows more properties, and no size."""
    return why.startswith(_LOOSER)
