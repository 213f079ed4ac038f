"""How texts are matched: strings, regular expressions, paths, query parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from harness.base import expressions
from harness.base.expressions import Dialect

Kind = Literal["exact", "prefix", "suffix", "segments", "regex", "present"]


@dataclass(frozen=True)
class TextMatch:
    """A condition on a text; `segments` is a path prefix that ends at a `/` (Gateway API PathPrefix).

    `dialect` is that of a regular expression.
    """

    kind: Kind
    value: str = ""
    ignore_case: bool = False
    dialect: Dialect = Dialect.RE2

    def holds(self, text: str | None) -> bool:
        """Returns whether the text (None: there is none) fulfils the condition.

        Raises NotModelledError where a regular expression doesn't decide that.
        """
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
                return expressions.matches(value, text, self.dialect)
            case "present":
                return True

    def read_as(self, dialect: Dialect) -> TextMatch:
        """Returns the condition as another engine reads it."""
        return replace(self, dialect=dialect) if self.kind == "regex" else self

    def __str__(self) -> str:
        if self.kind == "present":
            return "is present"
        dialect = f" ({self.dialect.value})" if self.kind == "regex" else ""
        return f"{self.kind} {self.value!r}{dialect}"


def query_values(query: str, name: str) -> list[str]:
    """Returns the values of a query parameter in their order, as they stand (proxies don't decode them)."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [value for key, _, value in pairs if key == name]


def replace_prefix(path: str, prefix: str, replacement: str) -> str:
    """Replaces a matched PathPrefix by segments [Gateway API: HTTPPathModifier ReplacePrefixMatch]."""
    rest = path[len(prefix.rstrip("/")) :]
    return (replacement.rstrip("/") + rest) or "/"
