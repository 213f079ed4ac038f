"""Colour by meaning: the word at the head of a line that says how bad it is."""

from __future__ import annotations

import os
import re
from typing import TextIO

_RED, _YELLOW, _GREEN, _DIM = "1;31", "1;33", "1;32", "2"
_MEANINGS = {
    "error": _RED, "lost": _RED, "opened": _RED, "undecided": _RED, "closed": _RED, "not proven": _RED,
    "no equivalent": _RED,
    "warning": _YELLOW, "changed": _YELLOW, "changes": _YELLOW, "elsewhere": _YELLOW, "plaintext": _YELLOW,
    "check": _DIM, "info": _DIM, "slower": _DIM, "otherwise": _DIM, "words": _DIM,
    "proven": _GREEN, "repaired": _GREEN, "translates": _GREEN,
}  # fmt: skip
_WORD = f"({'|'.join(_MEANINGS)})"
# After a place or a number, or in a table's first column; a key of YAML is neither.
_HEAD = re.compile(rf"^((?:\S+:\d+:\d+: |\d+ )?){_WORD}(?=:| \[)|^(  ){_WORD}(?=  )", re.MULTILINE)


def is_coloured(stream: TextIO) -> bool:
    """Returns whether a stream is a terminal that shows colours, and nobody refuses them (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    """Returns a text without control characters with the words at its lines' heads in their colours."""

    def dyed(head: re.Match[str]) -> str:
        before, word = head[1] or head[3] or "", head[2] or head[4]
        return f"{before}\x1b[{_MEANINGS[word]}m{word}\x1b[0m"

    return _HEAD.sub(dyed, text)
