r"""Rust's named classes: `\w`, `[:alpha:]`, `\p{…}`, as sets of characters.

[regex-syntax: unicode.rs, hir/translate.rs]
"""

from __future__ import annotations

from harness.base.expressions.characters import Characters
from harness.base.expressions.engine import Refusal, compiled

DIGIT, WORD, SPACE = "d", "w", "s"

PERL = {
    DIGIT: Characters(named=(r"\p{Nd}",)),
    SPACE: Characters(
        (
            (0x9, 0xD),
            (0x20, 0x20),
            (0x85, 0x85),
            (0xA0, 0xA0),
            (0x1680, 0x1680),
            (0x2000, 0x200A),
            (0x2028, 0x2029),
            (0x202F, 0x202F),
            (0x205F, 0x205F),
            (0x3000, 0x3000),
        )
    ),
    # Alphabetic, marks, decimal numbers, connectors, joiners. Of the symbols those in circles and squares
    # are alphabetic, too.
    WORD: Characters(
        (
            (0x200C, 0x200D),
            (0x24B6, 0x24E9),
            (0x1F130, 0x1F149),
            (0x1F150, 0x1F169),
            (0x1F170, 0x1F189),
        ),
        (r"\pL", r"\pM", r"\p{Nd}", r"\p{Nl}", r"\p{Pc}"),
    ),
}
"""`\\d`, `\\s` and `\\w` of Unicode."""

ASCII = {
    "alnum": Characters(((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A))),
    "alpha": Characters(((0x41, 0x5A), (0x61, 0x7A))),
    "ascii": Characters(((0x0, 0x7F),)),
    "blank": Characters(((0x9, 0x9), (0x20, 0x20))),
    "cntrl": Characters(((0x0, 0x1F), (0x7F, 0x7F))),
    "digit": Characters(((0x30, 0x39),)),
    "graph": Characters(((0x21, 0x7E),)),
    "lower": Characters(((0x61, 0x7A),)),
    "print": Characters(((0x20, 0x7E),)),
    "punct": Characters(((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E))),
    "space": Characters(((0x9, 0xD), (0x20, 0x20))),
    "upper": Characters(((0x41, 0x5A),)),
    "word": Characters(((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))),
    "xdigit": Characters(((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))),
}
"""The classes that are written `[:name:]`."""

PERL_ASCII = {DIGIT: ASCII["digit"], SPACE: ASCII["space"], WORD: ASCII["word"]}
"""`\\d`, `\\s` and `\\w` where `(?-u)` is in force."""

WHITE_SPACE = frozenset(chr(code) for first, last in PERL[SPACE].ranges for code in range(first, last + 1))
"""What Unicode counts as white space."""

_CATEGORIES = {
    "Lu": "uppercaseletter",
    "Ll": "lowercaseletter",
    "Lt": "titlecaseletter",
    "Lm": "modifierletter",
    "Lo": "otherletter",
    "Mn": "nonspacingmark",
    "Mc": "spacingmark",
    "Me": "enclosingmark",
    "Nd": "decimalnumber",
    "Nl": "letternumber",
    "No": "othernumber",
    "Pc": "connectorpunctuation",
    "Pd": "dashpunctuation",
    "Ps": "openpunctuation",
    "Pe": "closepunctuation",
    "Pi": "initialpunctuation",
    "Pf": "finalpunctuation",
    "Po": "otherpunctuation",
    "Sm": "mathsymbol",
    "Sc": "currencysymbol",
    "Sk": "modifiersymbol",
    "So": "othersymbol",
    "Zs": "spaceseparator",
    "Zl": "lineseparator",
    "Zp": "paragraphseparator",
    "Cc": "control",
    "Cf": "format",
    "L": "letter",
    "M": "mark",
    "N": "number",
    "P": "punctuation",
    "S": "symbol",
    "Z": "separator",
}
_OTHERS = {"any": ((0, 0x10FFFF),), "ascii": ((0, 0x7F),), "whitespace": PERL[SPACE].ranges}
_BY_NAME = {name: code for code, long in _CATEGORIES.items() for name in (code.lower(), long)}
_LETTERS = "cspzlmn"


def unicode_class(name: str) -> Characters | None:
    r"""Returns the set that `\p{name}` means, None where that can't be said."""
    key, operator, value = _parted(name)
    if operator and _plain(key) not in ("gc", "generalcategory", "sc", "script"):
        return None
    wanted = _plain(value)
    if not (operator and _plain(key) in ("sc", "script")):
        if code := _BY_NAME.get(wanted):
            return Characters(named=(f"\\p{{{code}}}",))
        if wanted in _OTHERS and not operator:
            return Characters(_OTHERS[wanted])
    return None if operator and _plain(key) not in ("sc", "script") else _script(value)


def unknown_letter(name: str) -> bool:
    r"""Returns whether `\pX` is no class at all."""
    return len(name) == 1 and name.isalnum() and name.lower() not in _LETTERS


def negates(name: str) -> bool:
    r"""Returns whether `\p{name}` says itself that it means all others."""
    return "!=" in name


def _parted(name: str) -> tuple[str, str, str]:
    for operator in ("!=", ":", "="):
        if operator in name:
            return name.partition(operator)
    return "", "", name


def _plain(name: str) -> str:
    """A name as they are compared: without case, spaces, hyphens and low lines."""
    plain = "".join(char for char in name.lower() if char not in " -_\t\n\v\f\r" and char.isascii())
    return plain.removeprefix("is") if plain != "isc" else plain


def _script(name: str) -> Characters | None:
    written = "_".join(word.capitalize() for word in name.split("_"))
    if not written.replace("_", "").isalpha() or not written.isascii() or len(written) < 3:
        return None
    item = f"\\p{{{written}}}"
    return None if isinstance(compiled(item), Refusal) else Characters(named=(item,))
