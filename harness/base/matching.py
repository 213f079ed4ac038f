"""How texts are matched: strings, regular expressions (RE2), paths, query parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["exact", "prefix", "suffix", "segments", "regex", "present"]


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # RE2's classes are ASCII; its whole-text match has no notion of a trailing newline.
    return re.compile(pattern, re.ASCII)


def unreadable(pattern: str, replacement: str = "") -> str:
    """Returns why a regular expression, or what replaces its matches, can't be read; empty if it can."""
    try:
        substitute(pattern, replacement, "")
    except (re.error, IndexError, OverflowError) as error:
        return str(error)
    return ""


def full_match(pattern: str, text: str) -> bool:
    """Returns whether the regular expression matches the whole text, as all three APIs anchor it."""
    return _compiled(pattern).fullmatch(text) is not None


def substitute(pattern: str, replacement: str, text: str) -> str:
    r"""Replaces every match; `\1` and `\0` in the replacement are groups and the whole match (RE2)."""
    return _compiled(pattern).sub(_template(replacement), text)


def _template(replacement: str) -> str:
    return replacement.replace("\\0", "\\g<0>")


@dataclass(frozen=True)
class TextMatch:
    """A condition on a text; `segments` is a path prefix that ends at a `/` (Gateway API PathPrefix)."""

    kind: Kind
    value: str = ""
    ignore_case: bool = False

    def holds(self, text: str | None) -> bool:
        """Returns whether the text (None: there is none) fulfils the condition."""
        if text is None:
            return False
        value = self.value
        if self.ignore_case and self.kind != "regex":
            text, value = text.lower(), value.lower()
        match self.kind:
            case "exact":
                return text == value
            case "prefix":
                return text.startswith(value)
            case "suffix":
                return text.endswith(value)
            case "segments":
                stem = value.rstrip("/")
                return text == stem or text.startswith(stem + "/")
            case "regex":
                return full_match(value, text)
            case "present":
                return True

    def __str__(self) -> str:
        return "is present" if self.kind == "present" else f"{self.kind} {self.value!r}"


def query_values(query: str, name: str) -> list[str]:
    """Returns the values of a query parameter in their order, as they stand (proxies don't decode them)."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [value for key, _, value in pairs if key == name]


def replace_prefix(path: str, prefix: str, replacement: str) -> str:
    """Replaces a matched PathPrefix by segments [Gateway API: HTTPPathModifier ReplacePrefixMatch]."""
    rest = path[len(prefix.rstrip("/")) :]
    return (replacement.rstrip("/") + rest) or "/"
