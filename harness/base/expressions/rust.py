"""Rust's regular expressions, written anew as RE2's.

Read as the regex crate reads them, with its words for what it doesn't take [regex-syntax: ast/parse.rs,
hir/translate.rs]. Both engines prefer what stands first, so what comes out matches as in Rust. What RE2 can't
say isn't guessed: the expression, or a text to match with it, is named as undecided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from harness.base.expressions.brackets import bracketed
from harness.base.expressions.characters import Characters, single
from harness.base.expressions.engine import BEYOND_ASCII
from harness.base.expressions.properties import WHITE_SPACE
from harness.base.expressions.reader import NOT_UTF8, Flags, Literal, Reader, Refused, Undecided

_NESTING = 250
_REPEATS = 1000
_LENGTH = 200_000
_SIZE = 5 << 20
_LOOKAROUND = ("?=", "?!", "?<=", "?<!")
_EMPTY = "(?:)"
# Rust knows a newer Unicode than RE2. What RE2 has no category for may be anything to it, and of two letters
# the other case is new.
_NEWER = r"[^\pC\pL\pM\pN\pP\pS\pZ]|[\x{19B}\x{264}]"
_CARRIAGE_RETURN = r"\r"


@dataclass(frozen=True)
class Translation:
    """An expression for RE2; of the texts that one of `barred` (of RE2's) is found in it says nothing."""

    pattern: str
    barred: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Untranslated:
    """Why an expression isn't translated: Rust refuses it, in its words, or that isn't known."""

    why: str
    refused: bool


@dataclass(frozen=True)
class _Part:
    """A part of an expression.

    `size` is about what Rust's compiler needs for it in bytes, `repeats` how often counted repetitions in it
    repeat, `bare` whether an operator may follow it as it stands (None: no operator may follow at all).
    """

    text: str
    depth: int = 0
    size: int = 0
    repeats: int = 1
    bare: bool | None = False


@dataclass
class _Group:
    """A group that isn't closed yet: its branches, the parts of the last one, and the flags outside."""

    flags: Flags
    branches: list[_Part]
    parts: list[_Part]


def anchored(pattern: str) -> str:
    """Returns a ServiceProfile's pattern as the proxy completes it: its text, not its sense."""
    pattern = pattern.strip("".join(WHITE_SPACE))
    start = "" if pattern.startswith("^") else "^"
    return f"{start}{pattern}{'' if pattern.endswith('$') else '$'}"


@lru_cache(maxsize=4096)
def translated(pattern: str) -> Translation | Untranslated:
    """Returns the expression for RE2, or why Rust doesn't take it, or why that can't be said."""
    translator = _Translator(pattern)
    try:
        whole = translator.whole()
        if translator.reader.fault:
            raise Refused(translator.reader.fault)
        if translator.reader.undecided:
            raise Undecided(translator.reader.undecided)
        if whole.size > _SIZE:
            raise Undecided("it may be larger than Rust takes (10 MiB compiled)")
    except (Refused, Undecided) as answer:
        return Untranslated(str(answer), isinstance(answer, Refused))
    return Translation(whole.text, frozenset(translator.barred))


class _Translator:
    def __init__(self, pattern: str) -> None:
        self.reader = Reader(pattern)
        self.barred: set[str] = set()
        self._groups = [_Group(self.reader.flags, [], [])]
        self._names: set[str] = set()

    def whole(self) -> _Part:
        reader = self.reader
        while True:
            reader.skip_space()
            match reader.char:
                case "":
                    break
                case "(":
                    self._open()
                case ")":
                    self._close()
                case "|":
                    reader.at += 1
                    self._groups[-1].branches.append(self._branch())
                case "?" | "*" | "+":
                    self._repeat(0 if reader.char != "+" else 1, 1 if reader.char == "?" else None)
                case "{":
                    self._repeat_counted()
                case _:
                    self._add(self._primitive())
        if len(self._groups) > 1:
            raise Refused("unclosed group")
        whole = self._alternation()
        if whole.depth > _NESTING:
            raise Refused(f"exceed the maximum number of nested parentheses/brackets ({_NESTING})")
        return whole

    def _add(self, part: _Part) -> None:
        self._groups[-1].parts.append(part)

    def _branch(self) -> _Part:
        """What stands since the last `|`, as one part."""
        group = self._groups[-1]
        parts, group.parts = group.parts, []
        if len(parts) == 1:
            return parts[0]
        return _together("".join(part.text for part in parts), parts)

    def _alternation(self) -> _Part:
        group = self._groups[-1]
        branches = [*group.branches, self._branch()]
        if len(branches) == 1:
            return branches[0]
        return _together("|".join(branch.text for branch in branches), branches)

    def _open(self) -> None:
        reader = self.reader
        reader.bump_space()
        outside = reader.flags
        if any(map(reader.take, _LOOKAROUND)):
            raise Refused("look-around, including look-ahead and look-behind, is not supported")
        if reader.take("?P<") or reader.take("?<"):
            self._name()
        elif reader.take("?"):
            reader.flags = self._flags(outside)
            end = reader.char
            reader.at += 1
            if end == ")":
                self._add(_Part("", bare=None))
                return
        self._groups.append(_Group(outside, [], []))

    def _close(self) -> None:
        if len(self._groups) == 1:
            raise Refused("unopened group")
        inner = self._alternation()
        self.reader.flags = self._groups.pop().flags
        self.reader.at += 1
        self._add(
            replace(inner, text=f"(?:{inner.text})", depth=inner.depth + 1, size=inner.size + 64, bare=True)
        )

    def _name(self) -> None:
        reader, name = self.reader, ""
        while reader.char != ">":
            if not reader.char:
                raise Refused("unclosed capture group name")
            char = reader.char
            letter = char == "_" or char.isalpha() or (bool(name) and (char in ".[]" or char.isalnum()))
            if not letter and char.isascii():
                raise Refused("invalid capture group character")
            if not letter:
                reader.undecided = f"whether {char!r} may stand in a group's name isn't known here"
            name += char
            reader.at += 1
        reader.at += 1
        if not name:
            raise Refused("empty capture group name")
        if name in self._names:
            raise Refused("duplicate capture group name")
        self._names.add(name)

    def _flags(self, before: Flags) -> Flags:
        reader = self.reader
        if not reader.char:
            raise Refused("unclosed group")
        written = ""
        while reader.char not in (":", ")"):
            if not reader.char:
                raise Refused("expected flag but got end of regex")
            if reader.char not in "imsUuRx-":
                raise Refused("unrecognized flag")
            if reader.char in written:
                repeated = "flag negation operator repeated" if reader.char == "-" else "duplicate flag"
                raise Refused(repeated)
            written += reader.char
            reader.at += 1
        if written.endswith("-"):
            raise Refused("dangling flag negation operator")
        if not written and reader.char == ")":
            raise Refused("repetition operator missing expression")
        on, _, off = written.partition("-")
        return before.changed(on, off)

    def _repeat(self, least: int, most: int | None) -> None:
        part = self._repeated()
        lazy = self.reader.bump() and self.reader.take("?")
        self._add(self._repetition(part, least, most, lazy=lazy))

    def _repeat_counted(self) -> None:
        reader, unclosed = self.reader, "unclosed counted repetition"
        part = self._repeated()
        if not reader.bump_space():
            raise Refused(unclosed)
        least = reader.decimal()
        most = least
        if not reader.char:
            raise Refused(unclosed)
        if reader.char == ",":
            if not reader.bump_space():
                raise Refused(unclosed)
            most = None if reader.char == "}" or least is None else reader.decimal()
            if reader.char != "}" and most is None:
                least = None
        if least is None:
            raise Refused("repetition quantifier expects a valid decimal")
        if reader.char != "}":
            raise Refused(unclosed)
        lazy = reader.bump_space() and reader.take("?")
        if most is not None and most < least:
            raise Refused("invalid repetition count range, the start must be <= the end")
        self._add(self._repetition(part, least, most, lazy=lazy))

    def _repeated(self) -> _Part:
        """The part that an operator follows."""
        parts = self._groups[-1].parts
        if not parts or parts[-1].bare is None:
            raise Refused("repetition operator missing expression")
        return parts.pop()

    def _repetition(self, part: _Part, least: int, most: int | None, *, lazy: bool) -> _Part:
        size = part.size * max(least if most is None else most, 1) + 80
        if size > _SIZE:
            raise Undecided("it may be larger than Rust takes (10 MiB compiled)")
        end = "?" if lazy != ("U" in self.reader.flags) else ""
        unit = part.text if part.bare else f"(?:{part.text})"
        # RE2 counts up to 1000, with counts within counts multiplied; several in a row say the rest.
        chunk = max(_REPEATS // part.repeats, 1)
        needed = _chunks(least, chunk)
        optional = [] if most is None else _chunks(most - least, chunk)
        texts = [unit if count == 1 else f"{unit}{{{count}}}" for count in needed]
        texts += [f"{unit}{{0,{count}}}{end}" if count > 1 else f"{unit}?{end}" for count in optional]
        if most is None:
            texts.append(f"{unit}*{end}")
        counts = [count for count in (*needed, *optional) if count > 1]
        text = "".join(texts) if texts else _EMPTY
        if len(text) > _LENGTH:
            raise Undecided("it counts further than is worked out here")
        return _Part(f"(?:{text})", part.depth + 1, size, part.repeats * max(counts, default=1), bare=True)

    def _primitive(self) -> _Part:
        reader = self.reader
        char = reader.char
        if char == "[":
            whole = bracketed(reader)
            return replace(self._class(whole.characters), depth=whole.depth)
        if char == "\\":
            item = reader.escape()
            if isinstance(item, Characters):
                return self._class(item)
            return self._literal(item) if isinstance(item, Literal) else self._assertion(item.name)
        reader.at += 1
        if char == ".":
            return self._dot()
        return self._assertion(char) if char in "^$" else self._literal(Literal(ord(char)))

    def _literal(self, literal: Literal) -> _Part:
        return self._class(self.reader.folded(single(self.reader.literal(literal))))

    def _class(self, characters: Characters) -> _Part:
        if characters.versioned:
            self.barred.add(_NEWER)
        return _Part(characters.re2, size=characters.size, bare=True)

    def _dot(self) -> _Part:
        flags = self.reader.flags
        if "u" not in flags:
            self.reader.fault = self.reader.fault or NOT_UTF8
        text = "(?s:.)" if "s" in flags else (r"[^\r\n]" if "R" in flags else r"[^\n]")
        return _Part(text, size=2_048, bare=True)

    def _assertion(self, name: str) -> _Part:
        flags = self.reader.flags
        if name in "bB":
            # RE2 knows ASCII's words only, and finds no word within other characters.
            if "u" in flags or name == "B":
                self.barred.add(BEYOND_ASCII)
            return _Part(f"\\{name}", size=8)
        if name in ("^", "A"):
            text = "(?m:^)" if name == "^" and "m" in flags else r"\A"
        elif name in ("$", "z"):
            text = "(?m:$)" if name == "$" and "m" in flags else r"\z"
        else:
            written = f"\\{name}" if len(name) == 1 else f"\\b{{{name}}}"
            self.reader.undecided = f"RE2, which stands in for Rust here, has no {written}"
            text = _EMPTY
        if name in "^$" and {"m", "R"} <= flags.letters:
            self.barred.add(_CARRIAGE_RETURN)
        return _Part(text, size=8)


def _together(text: str, parts: list[_Part]) -> _Part:
    depth = 1 + max(part.depth for part in parts) if parts else 0
    size = sum(part.size for part in parts) + 80 * len(parts)
    return _Part(text, depth, size, max((part.repeats for part in parts), default=1))


def _chunks(count: int, chunk: int) -> list[int]:
    if count // chunk > _LENGTH:
        raise Undecided("it counts further than is worked out here")
    return [chunk] * (count // chunk) + [count % chunk] * (count % chunk > 0)
