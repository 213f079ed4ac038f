"""Bracketed classes of Rust's regular expressions: sets within sets, their intersections and differences.

[regex-syntax: ast/parse.rs, parse_set_class]
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.base.expressions import properties
from harness.base.expressions.characters import Characters, combined, single, union
from harness.base.expressions.reader import (
    NO_UNICODE,
    Assertion,
    Literal,
    Reader,
    Refused,
    Undecided,
)

_UNCLOSED = "unclosed character class"
_OPERATORS = ("&&", "--", "~~")
_SCANS = 24


@dataclass(frozen=True)
class Set:
    """A set and how deep the sets within it are nested."""

    characters: Characters
    depth: int = 0


@dataclass
class _Open:
    """A bracket that isn't closed yet: what stands in it since the last operator, and what stood before."""

    negated: bool
    items: list[Set]
    left: Set | None = None
    operator: str = ""


def bracketed(reader: Reader) -> Set:
    """Returns the class that begins at a bracket, and goes past it."""
    stack: list[_Open] = []
    scans = 0
    while True:
        reader.skip_space()
        if not reader.char:
            raise Refused(_UNCLOSED)
        here = reader.pattern[reader.at : reader.at + 2]
        if reader.char == "[":
            named = _ascii_class(reader) if stack else None
            if named is None:
                stack.append(_opened(reader))
            else:
                stack[-1].items.append(Set(named))
        elif reader.char == "]":
            reader.at += 1
            closed = _closed(reader, stack.pop())
            if not stack:
                return closed
            stack[-1].items.append(closed)
        elif here in _OPERATORS:
            reader.at += 2
            stack[-1].left, stack[-1].operator = _operated(reader, stack[-1]), here
            stack[-1].items = []
            scans += 1
        else:
            stack[-1].items.append(Set(_range(reader)))
        if scans > _SCANS:
            raise Undecided("it combines more sets of characters than are worked out here")


def _ascii_class(reader: Reader) -> Characters | None:
    """A class by name, `[:alpha:]`; None if it is none, and so a bracket within the bracket."""
    end = reader.pattern.find(":", reader.at + 2)
    name = reader.pattern[reader.at + 2 : end]
    known = properties.ASCII.get(name.removeprefix("^"))
    if known is None or not reader.pattern.startswith("[:", reader.at):
        return None
    if not reader.pattern.startswith(":]", end):
        return None
    reader.at = end + 2
    return reader.named(known, negated=name.startswith("^"))


def _opened(reader: Reader) -> _Open:
    if not reader.bump_space():
        raise Refused(_UNCLOSED)
    bracket = _Open(negated=reader.char == "^", items=[])
    if bracket.negated and not reader.bump_space():
        raise Refused(_UNCLOSED)
    while reader.char == "-" or (reader.char == "]" and not bracket.items):
        last = reader.char == "]"
        bracket.items.append(Set(single(ord(reader.char))))
        if not reader.bump_space():
            raise Refused(_UNCLOSED)
        if last:
            break
    return bracket


def _operated(reader: Reader, bracket: _Open) -> Set:
    """What stands before, combined with what came after the operator."""
    depth = max((item.depth for item in bracket.items), default=0) + (len(bracket.items) > 1)
    here = Set(union([item.characters for item in bracket.items]), depth)
    if bracket.left is None:
        return here
    left, right = reader.folded(bracket.left.characters), reader.folded(here.characters)
    characters = combined(bracket.operator, left, right)
    return Set(characters, 1 + max(bracket.left.depth, here.depth))


def _closed(reader: Reader, bracket: _Open) -> Set:
    inner = _operated(reader, bracket)
    return Set(reader.named(inner.characters, negated=bracket.negated), inner.depth + 1)


def _range(reader: Reader) -> Characters:
    first = _item(reader)
    reader.skip_space()
    if not reader.char:
        raise Refused(_UNCLOSED)
    if reader.char != "-" or _after(reader) in ("]", "-"):
        if isinstance(first, Assertion):
            raise Refused("invalid escape sequence found in character class")
        return single(_code(reader, first)) if isinstance(first, Literal) else first
    if not reader.bump_space():
        raise Refused(_UNCLOSED)
    last = _item(reader)
    if not isinstance(first, Literal) or not isinstance(last, Literal):
        raise Refused("invalid range boundary, must be a literal")
    if first.code > last.code:
        raise Refused("invalid character class range, the start must be <= the end")
    return single(_code(reader, first), _code(reader, last))


def _after(reader: Reader) -> str:
    """The character after this one that counts."""
    here = reader.at
    reader.bump_space()
    char, reader.at = reader.char, here
    return char


def _item(reader: Reader) -> Literal | Assertion | Characters:
    if reader.char != "\\":
        literal = Literal(ord(reader.char))
        reader.at += 1
        return literal
    return reader.escape()


def _code(reader: Reader, literal: Literal) -> int:
    if "u" not in reader.flags and literal.code > 0x7F and not literal.byte:
        reader.fault = reader.fault or NO_UNICODE
    return reader.literal(literal)
