"""Regular expressions as the engine reads them that a mesh runs them in.

Istio's and the API server's are RE2's, Linkerd's those of Rust's regex crate; each runs in its own engine,
whose time is linear whatever the pattern. A pattern that its engine doesn't take is a `Fault`.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError
from harness.base.expressions import conversion, envoy, go, rust
from harness.base.expressions.conversion import quoted as quoted
from harness.base.expressions.envoy import Fault as Fault

if TYPE_CHECKING:
    from collections.abc import Callable


class Dialect(Enum):
    """An engine and how much of a text a pattern must match; the value is what traces call it."""

    RE2 = "RE2"
    """The whole text [Envoy: safe_regex]."""
    GO = "Go, anywhere"
    """Any part of the text, in Go's RE2 [Kubernetes: `pattern` in a CustomResourceDefinition]."""
    RUST = "Rust, leftmost first"
    """The first match from the left must be the whole text [linkerd2-proxy: http/route/src/http/match]."""
    PROFILE = "Rust, between ^ and $"
    """Any part of the text, once `^` stands before and `$` behind it [linkerd2-proxy: service-profiles]."""


def fault(pattern: str, dialect: Dialect) -> Fault | None:
    """Returns why a pattern can't be used, in the words of its engine; None if it can."""
    ready = _ready(pattern, dialect)
    return ready if isinstance(ready, Fault) else None


@lru_cache(maxsize=1 << 14)
def matches(pattern: str, text: str, dialect: Dialect = Dialect.RE2) -> bool:
    """Returns whether a text matches.

    Raises NotModelledError for a pattern with a fault, and for the few texts that RE2 sees otherwise than Go.
    """
    ready = _ready(pattern, dialect)
    if isinstance(ready, Fault):
        raise _undecided(pattern, ready.why)
    if dialect is Dialect.GO and r"\B" in pattern and not text.isascii():
        raise _undecided(
            pattern, f"RE2, which stands in for Go here, finds \\B within characters of {text!r}"
        )
    return ready(text)


@lru_cache(maxsize=1 << 12)
def for_rust(pattern: str) -> str | Fault:
    """Returns a pattern that Rust's first match spans where RE2 matches the whole text.

    Texts beyond ASCII aside, of which Rust counts more as digits, words and spaces. Returns a fault where
    RE2 or Rust doesn't take it.
    """
    written = conversion.spanning(pattern)
    return fault(pattern, Dialect.RE2) or fault(written, Dialect.RUST) or written


def substitution_fault(pattern: str, replacement: str) -> Fault | None:
    """Returns why a pattern and what replaces its matches can't be used in RE2, None if they can."""
    ready = _substitution(pattern, replacement)
    return ready if isinstance(ready, Fault) else None


@lru_cache(maxsize=1 << 10)
def substitute(pattern: str, replacement: str, text: str) -> str:
    r"""Replaces every match as Envoy does; `\1` in the replacement is a group, `\0` the whole match.

    Raises NotModelledError for a pattern or replacement with a fault.
    """
    ready = _substitution(pattern, replacement)
    if isinstance(ready, Fault):
        raise _undecided(pattern, ready.why)
    return envoy.replaced(*ready, text)


def _substitution(pattern: str, replacement: str) -> tuple[envoy.Engine, tuple[str | int, ...]] | Fault:
    ready, parts = envoy.compiled(pattern), _template(replacement)
    if isinstance(ready, Fault):
        return ready
    if isinstance(parts, Fault):
        return parts
    wanted = max((part for part in parts if isinstance(part, int)), default=0)
    if wanted > ready.groups:
        words = f"the regexp only has {ready.groups} parenthesized subexpressions"
        return Fault(f"Rewrite schema requests {wanted} matches, but {words}")
    return ready, parts


@lru_cache(maxsize=1 << 14)
def _ready(pattern: str, dialect: Dialect) -> Callable[[str], bool] | Fault:
    """What tells whether a text matches; a fault where the engine doesn't take the pattern."""
    if dialect is Dialect.RUST:
        return rust.spanning(pattern)
    if dialect is Dialect.PROFILE:
        return rust.anchored(pattern)
    compiled = envoy.compiled(pattern)
    if dialect is Dialect.GO:
        fault_in_go = go.fault(pattern, compiled if isinstance(compiled, Fault) else None)
        if fault_in_go:
            return fault_in_go
    if isinstance(compiled, Fault):
        return compiled
    look = compiled.search if dialect is Dialect.GO else compiled.fullmatch
    return lambda text: look(envoy.encoded(text)) is not None


def _template(replacement: str) -> tuple[str | int, ...] | Fault:
    """What replaces matches: texts, and groups by their number [google/re2: RE2::Rewrite]."""
    parts: list[str | int] = []
    rest = replacement
    while rest:
        text, backslash, rest = rest.partition("\\")
        parts.append(text)
        if not backslash:
            break
        sign, rest = rest[:1], rest[1:]
        if sign.isdecimal() and sign.isascii():
            parts.append(int(sign))
        elif sign == "\\":
            parts.append(sign)
        else:
            words = "must be followed by a digit or '\\'" if sign else "not allowed at end"
            return Fault(f"Rewrite schema error: '\\' {words}.")
    return tuple(parts)


def _undecided(pattern: str, why: str) -> NotModelledError:
    todo = "judge it on a cluster, or write the expression more simply"
    return NotModelledError(f"what {pattern!r} matches isn't modelled", why=why, todo=todo)
