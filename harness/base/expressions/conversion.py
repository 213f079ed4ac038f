r"""RE2's expressions, written so that Rust's first match from the left is what RE2 matches as a whole.

RE2 takes signs for themselves that Rust reads otherwise (`[[a]`, `{id}`, `\<`), and has `\Q…\E`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["quote", "escape", "count", "open", "close", "named", "group", "operator", "literal"]

_KINDS: tuple[Kind, ...] = get_args(Kind)
_SIGNS = re.compile(r"[\\.+*?()|\[\]{}^$]")
_ESCAPE = r"(?P<escape>\\(?:[pP]\{[^}]*\}|[pP].|x\{[^}]*\}|.))"
_OUTSIDE = re.compile(
    rf"\\Q(?P<quote>.*?)(?:\\E|\Z)|{_ESCAPE}|(?P<count>\{{\d+(?:,\d*)?\}})|(?P<open>\[\^?\]?)"
    r"|(?P<group>\(\?(?:P?<\w+>|[imsU-]*[:)]))|(?P<operator>[*+?|()^$.])|(?P<literal>.)",
    re.DOTALL,
)
_INSIDE = re.compile(rf"{_ESCAPE}|(?P<named>\[:\^?\w+:\])|(?P<close>\])|(?P<literal>.)", re.DOTALL)
_QUANTIFIERS = ("*", "+", "?")


@dataclass(frozen=True)
class Token:
    """A part of an expression; `inside` says whether it stands in a class."""

    kind: Kind
    text: str
    inside: bool = False


def quoted(text: str) -> str:
    """Returns a pattern that every dialect reads as this text and no other."""
    return _SIGNS.sub(r"\\\g<0>", text)


def tokens(pattern: str) -> Iterator[Token]:
    """Yields the parts of an expression that RE2 takes."""
    at, inside = 0, False
    while match := (_INSIDE if inside else _OUTSIDE).match(pattern, at):
        for kind in _KINDS:
            if kind in match.re.groupindex and match[kind] is not None:
                yield Token(kind, match[kind], inside and kind != "close")
                inside = kind == "open" or (inside and kind != "close")
                break
        at = match.end()


def spanning(pattern: str) -> str:
    """Returns the pattern for Rust; what Rust doesn't take of it stays as it is."""
    parts = list(tokens(pattern))
    text = "".join(map(_rust, parts))
    return text if _spans(parts) else f"^(?:{text})$"


def _rust(token: Token) -> str:
    match token.kind:
        case "quote":
            return quoted(token.text)
        case "escape" if token.text in (r"\<", r"\>"):
            return token.text[1:]
        case "literal" if token.inside and token.text in "[&~":
            return f"\\{token.text}"
        case "literal" if not token.inside and token.text in "{}]":
            return f"\\{token.text}"
        case _:
            return token.text


def _spans(parts: Sequence[Token]) -> bool:
    """Whether the first match is the longest anyway: it has little choice, or the rest is taken in any case.

    With one repetition of a single character the longest comes first. `.*` at the end takes what is left.
    """
    outside = [part for part in parts if not part.inside]
    signs = [part.text if part.kind in ("operator", "count", "close") else part.kind for part in outside]
    if any(sign in ("|", "group") for sign in signs):
        return False
    if signs[-2:] == [".", "*"]:
        return True
    if signs[:1] == ["^"] and signs[-1:] == ["$"]:
        return True
    quantifiers = [
        index for index, part in enumerate(outside) if part.kind == "count" or signs[index] in _QUANTIFIERS
    ]
    return not quantifiers or (len(quantifiers) == 1 and signs[quantifiers[0] - 1] != ")")
