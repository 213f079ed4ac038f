"""Reads what Rust's regular expressions are made of: characters, escapes, numbers.

[regex-syntax: ast/parse.rs]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.base.expressions import properties
from harness.base.expressions.characters import Characters

_META = frozenset("\\.+*?()|[]{}^$#&-~")
_SPECIAL = {"a": 0x07, "f": 0x0C, "t": 0x09, "n": 0x0A, "r": 0x0D, "v": 0x0B}
_ASSERTIONS = frozenset("AzbB<>")
_HALVES = ("start", "end", "start-half", "end-half")
_HEX = frozenset("0123456789abcdefABCDEF")
_EARLY = "incomplete escape sequence, reached end of pattern prematurely"
NOT_UTF8 = "pattern can match invalid UTF-8"
NO_UNICODE = "Unicode not allowed here"


class Refused(Exception):  # noqa: N818 - it is caught and becomes an answer
    """Rust doesn't take the expression; in its words."""


class Undecided(Exception):  # noqa: N818 - it is caught and becomes an answer
    """Whether Rust takes the expression, or what it means, can't be said here."""


@dataclass(frozen=True)
class Flags:
    """What is switched on, by the letters that switch it."""

    letters: frozenset[str] = frozenset("u")

    def __contains__(self, letter: str) -> bool:
        return letter in self.letters

    def changed(self, on: str, off: str) -> Flags:
        """Returns them after some were switched on and some off."""
        return Flags((self.letters | set(on)) - set(off))


@dataclass(frozen=True)
class Literal:
    """A character that stands for itself; `byte` if it was written as one, by two hexadecimal digits."""

    code: int
    byte: bool = False


@dataclass(frozen=True)
class Assertion:
    """A place between characters, by the letter of its escape (`b`), or `^` and `$`."""

    name: str


class Reader:
    """A place in an expression, the flags in force there, and what is wrong with what was read.

    Rust looks at characters only once the syntax is right: such a `fault` counts if nothing else comes.
    So does what is `undecided`.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags = Flags()
        self.fault = ""
        self.undecided = ""

    @property
    def char(self) -> str:
        """The character here, empty at the end."""
        return self.pattern[self.at : self.at + 1]

    def bump(self) -> bool:
        """Goes on by one; returns whether there is something."""
        self.at += 1
        return self.at < len(self.pattern)

    def bump_space(self) -> bool:
        """Goes on by one and past what doesn't count; returns whether there is something."""
        self.at += 1
        self.skip_space()
        return self.at < len(self.pattern)

    def skip_space(self) -> None:
        """Goes past white space and comments, where `x` is in force."""
        while "x" in self.flags and self.char:
            if self.char == "#":
                end = self.pattern.find("\n", self.at)
                self.at = len(self.pattern) if end < 0 else end + 1
            elif self.char in properties.WHITE_SPACE:
                self.at += 1
            else:
                return

    def take(self, text: str) -> bool:
        """Goes past a text if it stands here."""
        if not self.pattern.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def literal(self, literal: Literal) -> int:
        """Returns the character's code point, where it may stand."""
        if "u" not in self.flags and literal.byte and literal.code > 0x7F:
            self.fault = self.fault or NOT_UTF8
        return literal.code

    def decimal(self) -> int | None:
        """Returns a number, None if there is none; white space around it doesn't count."""
        while self.char and self.char in properties.WHITE_SPACE:
            self.at += 1
        digits = ""
        while self.char and self.char in "0123456789":
            digits += self.char
            self.bump_space()
        while self.char and self.char in properties.WHITE_SPACE:
            self.bump_space()
        if digits and int(digits[:20]) >= 1 << 32:
            raise Refused("decimal literal invalid")
        return int(digits) if digits else None

    def escape(self) -> Literal | Assertion | Characters:
        """Returns what a backslash and what follows mean."""
        if not self.bump():
            raise Refused(_EARLY)
        char = self.char
        if char in "0123456789":
            raise Refused("backreferences are not supported")
        if char in "xuU":
            return self._hexadecimal()
        if char in "pP":
            return self._unicode_class()
        if char in "dswDSW":
            self.at += 1
            return self._perl_class(char)
        self.at += 1
        if char in _SPECIAL:
            return Literal(_SPECIAL[char])
        if char == "b" and self.char == "{":
            return Assertion(self._word_boundary())
        if char in _ASSERTIONS:
            return Assertion(char)
        if char in _META or (char.isascii() and not char.isalnum()):
            return Literal(ord(char))
        raise Refused("unrecognized escape sequence")

    def named(self, characters: Characters, *, negated: bool) -> Characters:
        """Returns a class in the case that is in force, or all other characters."""
        characters = self.folded(characters)
        return self.others(characters) if negated else characters

    def folded(self, characters: Characters) -> Characters:
        """Returns a class in the case that is in force."""
        if "i" not in self.flags:
            return characters
        if "u" in self.flags:
            return replace(characters, fold=True)
        return characters.with_ascii_cases()

    def others(self, characters: Characters) -> Characters:
        """Returns all other characters; without `u` these would be bytes, no characters."""
        if "u" not in self.flags:
            self.fault = self.fault or NOT_UTF8
        return replace(characters, negated=not characters.negated)

    def _perl_class(self, char: str) -> Characters:
        known = properties.PERL if "u" in self.flags else properties.PERL_ASCII
        characters = known[char.lower()]
        return self.others(characters) if char.isupper() else characters

    def _hexadecimal(self) -> Literal:
        digits = {"x": 2, "u": 4, "U": 8}[self.char]
        if not self.bump_space():
            raise Refused(_EARLY)
        return self._braced() if self.char == "{" else self._fixed(digits)

    def _fixed(self, digits: int) -> Literal:
        text = ""
        for index in range(digits):
            if index and not self.bump_space():
                raise Refused(_EARLY)
            text += self._hexadecimal_digit()
        self.bump_space()
        return Literal(_scalar(text), byte=digits == 2)

    def _braced(self) -> Literal:
        text = ""
        while self.bump_space() and self.char != "}":
            text += self._hexadecimal_digit()
        if not self.char:
            raise Refused(_EARLY)
        self.bump_space()
        if not text:
            raise Refused("hexadecimal literal empty")
        return Literal(_scalar(text))

    def _hexadecimal_digit(self) -> str:
        if self.char not in _HEX:
            raise Refused("invalid hexadecimal digit")
        return self.char

    def _word_boundary(self) -> str:
        """The name in `\\b{name}`; `b` where the brace begins a repetition."""
        start = self.at
        if not self.bump_space():
            words = "found either the beginning of a special word boundary or a bounded repetition on a \\b"
            raise Refused(f"{words} with an opening brace, but no closing brace")
        name = ""
        while self.char and (self.char == "-" or (self.char.isascii() and self.char.isalpha())):
            name += self.char
            self.bump_space()
        if not name:
            self.at = start
            return "b"
        if self.char != "}":
            words = "special word boundary assertion is either unclosed or contains an invalid character"
            raise Refused(words)
        self.at += 1
        if name not in _HALVES:
            words = "unrecognized special word boundary assertion, valid choices are: start, end, start-half"
            raise Refused(f"{words} or end-half")
        return name

    def _unicode_class(self) -> Characters:
        negated = self.char == "P"
        if not self.bump_space():
            raise Refused(_EARLY)
        if self.char == "{":
            name = ""
            while self.bump_space() and self.char != "}":
                name += self.char
            if not self.char:
                raise Refused(_EARLY)
            self.at += 1
        else:
            name = self.char
            if name == "\\":
                raise Refused("invalid Unicode character class")
            self.bump_space()
        if "u" not in self.flags:
            self.fault = self.fault or NO_UNICODE
        if properties.unknown_letter(name):
            self.fault = self.fault or "Unicode property not found"
        characters = properties.unicode_class(name)
        if characters is None:
            self.undecided = self.undecided or f"which characters the property {name} means isn't known here"
            characters = Characters()
        return self.named(characters, negated=negated != properties.negates(name))


def _scalar(digits: str) -> int:
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Refused("hexadecimal literal is not a Unicode scalar value")
    return code
