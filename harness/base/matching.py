"""How texts are matched: strings, regular expressions, paths, query parameters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl

from harness.base import expressions
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["exact", "prefix", "suffix", "segments", "regex", "present"]


class Asking(str):
    """A text of a request that is explored: it must be asked (see `explored`)."""

    def asks(self, test: TextMatch) -> bool:
        """Returns whether it fulfils a condition, and records it."""
        raise NotImplementedError

    @property
    def length(self) -> float:
        """The number of its characters; comparisons with others are recorded."""
        raise NotImplementedError

    def without(self, name: str) -> str:
        """Returns a query without a parameter."""
        raise NotImplementedError

    def mapped(
        self, name: str, function: Callable[[str], str | None], examples: tuple[str, ...]
    ) -> str | None:
        """Returns what a function makes of it; whether that is another text is recorded."""
        raise NotImplementedError

    def among(self, names: frozenset[str]) -> bool:
        """Returns whether it is one of some texts, and records it."""
        raise NotImplementedError

    def which(self, names: frozenset[str], apart: frozenset[str]) -> str | None:
        """Returns which of some texts it is, apart from others (None: none of them), and records it."""
        raise NotImplementedError

    def within(self, block: str) -> bool:
        """Returns whether it is an IP address in a network, and records it."""
        raise NotImplementedError

    def values(self, name: str) -> list[str]:
        """Returns the values that a query gives a parameter, and records whether there is one."""
        raise NotImplementedError

    def decoded(self, name: str) -> list[str]:
        """Returns the same without escapes, and records whether there are any."""
        raise NotImplementedError


@dataclass(frozen=True)
class TextMatch:
    """A condition on a text; `segments` is a path prefix that ends at a `/` (Gateway API PathPrefix).

    `dialect` is that of a regular expression.
    """

    kind: Kind
    value: str = ""
    ignore_case: bool = False
    dialect: Dialect = field(default=Dialect.RE2, hash=False)  # an enum's hash takes longer than all of it

    def holds(self, text: str | None) -> bool:
        """Returns whether the text (None: there is none) fulfils the condition.

        Raises NotModelledError where a regular expression doesn't decide that.
        """
        if text is None:
            return False
        if isinstance(text, Asking):
            return text.asks(self)
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
    """Returns the values of a query parameter in their order, as they stand (Envoy doesn't decode them)."""
    if isinstance(query, Asking):
        return query.values(name)
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [value for key, _, value in pairs if key == name]


def without_parameter(query: str, name: str) -> str:
    """Returns a query without a parameter."""
    if isinstance(query, Asking):
        return query.without(name)
    return "&".join(part for part in query.split("&") if part.partition("=")[0] != name)


def decoded_values(query: str, name: str) -> list[str]:
    """Returns the values of a query parameter in their order, decoded (as Linkerd's proxy does)."""
    if isinstance(query, Asking):
        return query.decoded(name)
    return [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]


def length(text: str) -> float:
    """Returns the number of a text's characters, to be compared with others."""
    return text.length if isinstance(text, Asking) else len(text)


def substituted(text: str, pattern: str, replacement: str) -> str:
    """Returns a text with every match of a pattern replaced, as Envoy does (see `expressions.substitute`)."""

    def replaced(text: str) -> str:
        return expressions.substitute(pattern, replacement, text)

    return mapped(text, f"s/{pattern}/{replacement}/", replaced) or ""


def mapped(
    text: str, name: str, function: Callable[[str], str | None], examples: tuple[str, ...] = ()
) -> str | None:
    """Returns what a function makes of a text; `examples` are texts that it changes, for who explores."""
    return text.mapped(name, function, examples) if isinstance(text, Asking) else function(text)


def replace_prefix(path: str, prefix: str, replacement: str) -> str:
    """Replaces a matched PathPrefix by segments [Gateway API: HTTPPathModifier ReplacePrefixMatch]."""
    rest = path[len(prefix.rstrip("/")) :]
    return (replacement.rstrip("/") + rest) or "/"
