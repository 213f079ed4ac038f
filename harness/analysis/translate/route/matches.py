"""Conditions on a request that Gateway API routes can say, and what two of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from harness.base import expressions
from harness.base.expressions import Dialect, Fault, quoted
from harness.base.matching import TextMatch

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
"""The methods that a route can name [Gateway API: HTTPMethod]."""

Named = tuple[tuple[str, "Text"], ...]


class Unsayable(Exception):  # noqa: N818 - it is caught and becomes a finding
    """No route can say this condition."""


@dataclass(frozen=True)
class Text:
    """A condition on a text; the prefix "" is fulfilled by every text that is there."""

    kind: Literal["exact", "prefix", "regex"]
    value: str

    @cached_property
    def pattern(self) -> str:
        """The condition as a regular expression for the whole text."""
        if self.kind == "regex":
            return self.value
        return quoted(self.value) + (".*" if self.kind == "prefix" else "")

    def holds(self, text: str) -> bool:
        """Returns whether a text fulfils the condition; raises Unsayable for what RE2 refuses."""
        match self.kind:
            case "exact":
                return text == self.value
            case "prefix":
                return text.startswith(self.value)
            case _:
                if fault := expressions.fault(self.value, Dialect.RE2):
                    raise Unsayable(f"{self.value!r} can't be read: {fault.why}")
                return expressions.matches(self.value, text)

    @cached_property
    def written(self) -> str:
        """The condition as a route's regular expression, which Linkerd reads as Rust does.

        Raises Unsayable where there is none.
        """
        if self.kind != "regex":
            return self.pattern  # quoted, every engine reads it alike
        written = expressions.for_rust(self.pattern)
        if isinstance(written, Fault):
            raise Unsayable(f"{self.pattern!r} isn't read by both: {written.why}")
        return written

    @property
    def sayable(self) -> bool:
        """Whether a route can say it."""
        return self.kind != "regex" or not isinstance(expressions.for_rust(self.pattern), Fault)

    def meet(self, other: Text) -> Text | None:
        """Returns the condition that both hold, None if they exclude each other.

        Raises Unsayable where that is no condition of one text.
        """
        if self == other or other == ANY:
            return self
        if self == ANY:
            return other
        if self.kind == "exact":
            return self if other.holds(self.value) else None
        if other.kind == "exact":
            return other.meet(self)
        if self.kind == other.kind == "prefix":
            longer, shorter = (self, other) if len(self.value) > len(other.value) else (other, self)
            return longer if longer.value.startswith(shorter.value) else None
        raise Unsayable(f"both {self.pattern} and {other.pattern}")


ANY = Text("prefix", "")


def regex(pattern: str) -> Text:
    """Returns a condition by regular expression, in its simplest form."""
    if pattern in (".*", "^.*$"):
        return ANY
    stem = pattern.removesuffix(".*")
    if quoted(stem) == stem:
        return Text("exact", stem) if stem == pattern else Text("prefix", stem)
    return Text("regex", pattern)


def text_of(condition: TextMatch | None) -> Text | None:
    """Returns what a VirtualService asks of a text, in its simplest form; None if it asks nothing."""
    match condition:
        case None:
            return None
        case TextMatch("present"):
            return ANY
        case TextMatch("regex"):
            return regex(condition.value)
    text = Text("exact" if condition.kind == "exact" else "prefix", condition.value)
    return Text("regex", f"(?i){text.pattern}") if condition.ignore_case else text


@dataclass(frozen=True)
class RequestMatch:
    """Conditions that must all hold; one that is absent always does. Names of headers are in lower case."""

    path: Text | None = None
    method: str | None = None
    headers: Named = ()
    query: Named = ()

    def meet(self, other: RequestMatch) -> RequestMatch | None:
        """Returns the match of the requests that both take, None if there are none.

        Raises Unsayable where no match says that.
        """
        method = self.method or other.method
        if other.method not in (None, method):
            return None
        path = _meet(self.path, other.path)
        headers, query = _meet_named(self.headers, other.headers), _meet_named(self.query, other.query)
        if path is _NOTHING or headers is None or query is None:
            return None
        return RequestMatch(path, method, headers, query)

    def covers(self, other: RequestMatch) -> bool:
        """Returns whether it takes all that the other does, as far as that can be said."""
        try:
            return self.meet(other) == other
        except Unsayable:
            return False

    def __str__(self) -> str:
        parts = [f"{self.path.kind} path {self.path.value}"] if self.path else []
        parts += [self.method] if self.method else []
        parts += [f"header {name} {text.kind} {text.value!r}" for name, text in self.headers]
        parts += [f"query {name} {text.kind} {text.value!r}" for name, text in self.query]
        return " and ".join(parts) or "every request"


EVERY = RequestMatch()
"""What every request fulfils."""

_NOTHING = Text("exact", "\0")


def _meet(text: Text | None, other: Text | None) -> Text | None:
    if text is None or other is None:
        return text or other
    met = text.meet(other)
    return _NOTHING if met is None else met


def _meet_named(named: Named, other: Named) -> Named | None:
    merged = dict(named)
    for name, text in other:
        met = merged[name].meet(text) if name in merged else text
        if met is None:
            return None
        merged[name] = met
    return tuple(sorted(merged.items()))
