"""Regular expressions as the engine reads them that a mesh runs them in.

Istio's and the API server's are RE2's, Linkerd's those of Rust's regex crate. All run in RE2 here: no pattern
takes more than linear time. A pattern that its engine doesn't take is a `Fault`; so is what RE2 can't say for
Rust, which then isn't decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from harness.base.errors import NotModelledError
from harness.base.expressions import conversion, engine, go
from harness.base.expressions.conversion import quoted as quoted


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


@dataclass(frozen=True)
class Fault:
    """Why a pattern can't be used: its engine refuses it, or (`refused` False) that isn't known."""

    why: str
    refused: bool = True


def fault(pattern: str, dialect: Dialect) -> Fault | None:
    """Returns why a pattern can't be used, in the words of its engine; None if it can."""
    ready = _ready(pattern, dialect)
    return ready if isinstance(ready, Fault) else None


@lru_cache(maxsize=1 << 14)
def matches(pattern: str, text: str, dialect: Dialect = Dialect.RE2) -> bool:
    """Returns whether a text matches.

    Raises NotModelledError where that can't be said: for a pattern with a fault, and for the few texts
    that RE2 sees otherwise than the engine does.
    """
    ready = _ready(pattern, dialect)
    if isinstance(ready, Fault):
        raise _undecided(pattern, ready.why)
    data = engine.encoded(text)
    if any(engine.found(barred, data) for barred in ready.barred):
        raise _undecided(pattern, f"of the text {text!r} RE2, which stands in for it here, says nothing")
    match dialect:
        case Dialect.RE2:
            return ready.engine.fullmatch(data) is not None
        case Dialect.RUST:
            # Of the matches that begin at the start this is the one that the search would find.
            first = ready.engine.match(data)
            return first is not None and first.span() == (0, len(data))
        case _:
            return ready.engine.search(data) is not None


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
    ready = _ready(pattern, Dialect.RE2)
    if isinstance(ready, Fault):
        return ready
    parts = _template(replacement)
    if isinstance(parts, Fault):
        return parts
    wanted = max((part for part in parts if isinstance(part, int)), default=0)
    if wanted > ready.engine.groups:
        words = f"the regexp only has {ready.engine.groups} parenthesized subexpressions"
        return Fault(f"Rewrite schema requests {wanted} matches, but {words}")
    return None


@lru_cache(maxsize=1 << 10)
def substitute(pattern: str, replacement: str, text: str) -> str:
    r"""Replaces every match as Envoy does; `\1` in the replacement is a group, `\0` the whole match.

    Raises NotModelledError for a pattern or replacement with a fault.
    """
    ready, parts = _ready(pattern, Dialect.RE2), _template(replacement)
    if why := substitution_fault(pattern, replacement):
        raise _undecided(pattern, why.why)
    if isinstance(ready, Fault) or isinstance(parts, Fault):
        raise AssertionError("substitution_fault has looked at both")
    return engine.replaced(ready.engine, parts, text)


@dataclass(frozen=True)
class _Ready:
    engine: engine.Engine
    barred: tuple[str, ...] = ()


@lru_cache(maxsize=1 << 12)
def _ready(pattern: str, dialect: Dialect) -> _Ready | Fault:
    barred: tuple[str, ...] = ()
    if dialect in (Dialect.RUST, Dialect.PROFILE):
        from harness.base.expressions import rust  # most commands need none of it

        translation = rust.translated(rust.anchored(pattern) if dialect is Dialect.PROFILE else pattern)
        if isinstance(translation, rust.Untranslated):
            return Fault(translation.why, translation.refused)
        pattern, barred = translation.pattern, tuple(translation.barred)
    compiled = engine.compiled(pattern)
    if dialect is Dialect.GO and r"\B" in pattern:
        barred = (engine.BEYOND_ASCII,)  # RE2 finds it within a character, too
    if dialect is Dialect.GO and (why := _refused_by_go(pattern, compiled)):
        return why
    if isinstance(compiled, engine.Refusal):
        # What Rust takes RE2 may be too small for.
        return Fault(compiled.why, refused=dialect is Dialect.RE2)
    return _Ready(compiled, barred)


def _refused_by_go(pattern: str, compiled: engine.Engine | engine.Refusal) -> Fault | None:
    if isinstance(compiled, engine.Refusal):
        return Fault(go.refusal(pattern, compiled.why), refused=not go.unsure(compiled.why))
    words = go.refusal_of_bytes(pattern)
    return Fault(words) if words else None


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
