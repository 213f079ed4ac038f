r"""Where Go's regexp differs from RE2, whose syntax it has: its words, and `\C`, which it doesn't take.

[golang/go: regexp/syntax]
"""

from __future__ import annotations

import re

from harness.base.expressions.envoy import Fault

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


def fault(pattern: str, of_re2: Fault | None) -> Fault | None:
    """Returns why Go doesn't take a pattern in which RE2 finds this fault, or none.

    Go may take some of what RE2 refuses: it knows more properties, and no size.
    """
    if of_re2 is None:
        if r"\C" in _ESCAPES.findall(pattern):
            return Fault(r"error parsing regexp: invalid escape sequence: `\C`")
        return None
    words, _, part = of_re2.why.partition(": ")
    if part in ("(?<=", "(?<!") and (group := _LOOK_BEHIND.search(pattern)):
        # Go takes it for a group with a name.
        words, part = "invalid named capture group", group[0]
    refused = not of_re2.why.startswith(_LOOSER)
    return Fault(f"error parsing regexp: {_WORDS.get(words, words)}: `{part}`", refused)
