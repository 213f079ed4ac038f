"""Rust's regex crate, as Linkerd's proxy runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.expressions.envoy import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from paula import Regex

# Python counts four control characters more.
_CONTROLS = "\x1c\x1d\x1e\x1f"
_WHITE_SPACE = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace() and sign not in _CONTROLS)


def spanning(pattern: str) -> Callable[[str], bool] | Fault:
    """Returns what tells whether the first match from the left is the whole text, or why Rust refuses."""
    regex = _compiled(pattern)
    if isinstance(regex, Fault):
        return regex

    def spans(text: str) -> bool:
        readable = _utf8(text)
        first = regex.find(readable)
        return first is not None and first.as_str() == readable

    return spans


def anchored(pattern: str) -> Callable[[str], bool] | Fault:
    """Returns what tells whether a ServiceProfile's pattern matches a text, or why Rust refuses it.

    The proxy completes the pattern by `^` and `$`: its text, not its sense.
    """
    pattern = pattern.strip(_WHITE_SPACE)
    start = "" if pattern.startswith("^") else "^"
    regex = _compiled(f"{start}{pattern}{'' if pattern.endswith('$') else '$'}")
    return regex if isinstance(regex, Fault) else lambda text: regex.is_match(_utf8(text))


def _compiled(pattern: str) -> Regex | Fault:
    from paula import Regex  # most commands need none

    try:
        return Regex(pattern)
    except ValueError as error:
        return Fault(str(error).rpartition("error: ")[2].strip())


def _utf8(text: str) -> str:
    """The text as Rust has it: what was no UTF-8 isn't in there."""
    return text.encode("utf-8", "replace").decode()
