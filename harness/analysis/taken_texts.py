"""Texts that a regular expression takes, made up from it."""

from __future__ import annotations

import random
import re
import warnings
from functools import lru_cache

import rstr

from harness.base import expressions
from harness.base.errors import NotModelledError
from harness.base.expressions import Dialect
from harness.base.expressions.conversion import Token, tokens

_EXAMPLES = 3
_TRIES = 60
_FEWER = 10
"""Tries for an expression that all engines read alike."""
_ORDERED = re.compile(r"\||[*+?}]\?|[\^$]")
"""What engines read in different ways: which alternative comes first, what is lazy, where a text ends."""

_DIALECTS = (Dialect.RE2, Dialect.RUST, Dialect.PROFILE)
_NAMED = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " ",
    "upper": "A-Z",
    "word": "a-zA-Z0-9_",
    "xdigit": "0-9A-Fa-f",
}
_PROPERTIES = {"L": "a-z", "Ll": "a-z", "Lu": "A-Z", "N": "0-9", "Nd": "0-9", "P": ".", "S": "+"}


@lru_cache(maxsize=4096)
def taken(pattern: str) -> tuple[str, ...]:
    """Returns texts that a regular expression takes in any dialect, the same ones each time.

    A few, and one more for each way in which engines read it. None where no text was found.
    """
    source = random.Random(0)
    # "." makes a letter that no path is afraid of.
    make = rstr.Rstr(source, alphabet="abcdefgh")
    readings: set[tuple[bool, ...]] = set()
    texts: dict[str, None] = {}
    try:
        readable = "".join(map(_for_python, tokens(pattern.strip()))).replace(".*", "[a-h]{0,3}")
        readable = readable.replace(".+", "[a-h]{1,3}")
        for count in range(_TRIES if _ORDERED.search(pattern) else _FEWER):
            text = _text(make, readable)
            reading = tuple(_matches(pattern, text, dialect) for dialect in _DIALECTS)
            if any(reading) and (count < _EXAMPLES or reading not in readings):
                texts[text] = None
                readings.add(reading)
    except (ValueError, LookupError, OverflowError, re.error):
        pass
    return tuple(texts)


def unspanned(pattern: str) -> str | None:
    """Returns a text that an expression takes as a whole, and that Rust's first match doesn't span.

    None where there is none, or none was found.
    """
    for text in taken(pattern):
        whole = _matches(f"^(?:{pattern})$", text, Dialect.RUST)
        if whole and not _matches(pattern, text, Dialect.RUST):
            return text
    return None


def _text(make: rstr.Rstr, pattern: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python may read otherwise some day
        return str(make.xeger(pattern))


def _matches(pattern: str, text: str, dialect: Dialect) -> bool:
    try:
        return expressions.matches(pattern, text, dialect)
    except NotModelledError:
        return False


def _for_python(token: Token) -> str:
    r"""A part of an expression as Python reads it; raises KeyError for a class that isn't known here."""
    text = token.text
    match token.kind:
        case "quote":
            return re.escape(text)
        case "escape" if text[1] == "z":
            return r"\Z"
        case "escape" if text[1] == "p":
            characters = _PROPERTIES[text[2:].strip("{}")]
            return characters if token.inside else f"[{characters}]"
        case "escape" if text.startswith(r"\x{"):
            return re.escape(chr(int(text[3:-1], 16)))
        case "escape" if not text[1].isalnum():
            return re.escape(text[1])
        case "named":
            return _NAMED[text.strip("[:]")]
        case "literal" if token.inside and text in "[&~|":
            return f"\\{text}"
        case "group":
            # Flags don't matter where any text will do.
            return "(" if text.endswith(">") else ("(?:" if text.endswith(":") else "")
        case _:
            return text
