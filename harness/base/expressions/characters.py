"""Sets of characters as Rust's expressions combine them, and how RE2 writes them.

RE2 knows neither sets within sets nor their intersection and difference, so these are worked out here.
What a Unicode property holds is asked of RE2 itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from harness.base.expressions.engine import spans

Ranges = tuple[tuple[int, int], ...]
"""Ranges of code points, both ends included; sorted, and none touches the next."""

_LAST = 0x10FFFF


@dataclass(frozen=True)
class Characters:
    """A set of characters: `ranges` and RE2's `named` classes together.

    `fold` adds the other cases of each, `negated` then means all others. `worked_out` says that a class that
    depends on the version of Unicode went into the ranges.
    """

    ranges: Ranges = ()
    named: tuple[str, ...] = ()
    fold: bool = False
    negated: bool = False
    worked_out: bool = False

    @property
    def re2(self) -> str:
        """The set as RE2 writes it."""
        body = "".join(_item(*pair) for pair in self.ranges) + "".join(self.named)
        if not body:
            body = _item(0, _LAST)
            return f"[{body}]" if self.negated else f"[^{body}]"
        alone = not (self.negated or self.named) and len(self.ranges) == 1 and len(set(self.ranges[0])) == 1
        text = body if alone else f"[{'^' if self.negated else ''}{body}]"
        return f"(?i:{text})" if self.fold else text

    @property
    def size(self) -> int:
        """About how many bytes Rust's compiler needs for it, at most."""
        wide = sum(1 for _, last in self.ranges if last > 0x7F)
        named = sum(6_000 if item in (r"\p{Nd}", r"\P{Nd}") else 52_000 for item in self.named)
        return (112 + 256 * wide + named + 2_048 * self.negated) * (4 if self.fold else 1)

    @property
    def versioned(self) -> bool:
        """Whether what belongs to it depends on the version of Unicode."""
        return bool(self.named) or self.fold or self.worked_out

    def with_ascii_cases(self) -> Characters:
        """Returns the set with the other case of each ASCII letter."""
        others = (pair for pair in _other_cases(self.ranges) if pair[0] <= 0x7F)
        return replace(self, ranges=_merged([*self.ranges, *others]))

    def explicit(self) -> Ranges:
        """Returns all its characters as ranges."""
        return _explicit(self)


def single(char: int, last: int | None = None) -> Characters:
    """Returns the set of one character, or of those from it to the last."""
    return Characters(((char, char if last is None else last),))


def union(sets: list[Characters]) -> Characters:
    """Returns the characters of any of the sets."""
    if len(sets) == 1:
        return sets[0]
    ranges: list[tuple[int, int]] = []
    named: list[str] = []
    for item in sets:
        plain = _unnegated(item)
        ranges += plain.ranges
        named += plain.named
    worked_out = any(item.versioned for item in sets)
    return Characters(_merged(ranges), tuple(dict.fromkeys(named)), worked_out=worked_out)


def combined(operator: str, left: Characters, right: Characters) -> Characters:
    """Returns the intersection (`&&`), difference (`--`) or symmetric difference (`~~`) of two sets."""
    one, other = left.explicit(), right.explicit()
    match operator:
        case "&&":
            ranges = _intersection(one, other)
        case "--":
            ranges = _intersection(one, _complement(other))
        case _:
            ranges = _intersection(_merged([*one, *other]), _complement(_intersection(one, other)))
    return Characters(ranges, worked_out=left.versioned or right.versioned)


def _unnegated(item: Characters) -> Characters:
    if item.fold and not item.negated:
        # The set that it becomes a part of is folded as well.
        return replace(item, fold=False)
    if not item.negated:
        return item
    if not item.ranges and len(item.named) == 1 and not item.fold:
        (name,) = item.named
        return Characters(named=(("\\P" if name[1] == "p" else "\\p") + name[2:],))
    return Characters(item.explicit())


@lru_cache(maxsize=256)
def _explicit(item: Characters) -> Ranges:
    ranges = item.ranges
    if item.named or (item.fold and ranges and ranges[-1][1] > 0x7F):
        ranges = _merged(spans(replace(item, negated=False).re2))
    elif item.fold:
        ranges = _merged([*ranges, *_other_cases(ranges)])
    return _complement(ranges) if item.negated else ranges


def _other_cases(ranges: Ranges) -> list[tuple[int, int]]:
    """The other cases of ASCII letters; K and S have one beyond ASCII, too."""
    chars = [chr(code) for first, last in ranges for code in range(first, min(last, 0x7F) + 1)]
    others = {other for char in chars for other in (char.upper(), char.lower())}
    others |= {sign for letter, sign in (("k", "\u212a"), ("s", "\u017f")) if letter in others}
    return [(ord(char), ord(char)) for char in others]


def _item(first: int, last: int) -> str:
    return _sign(first) if first == last else f"{_sign(first)}-{_sign(last)}"


def _sign(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\x{{{code:X}}}"


def _merged(ranges: list[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _complement(ranges: Ranges) -> Ranges:
    gaps, start = [], 0
    for first, last in ranges:
        if first > start:
            gaps.append((start, first - 1))
        start = last + 1
    return (*gaps, (start, _LAST)) if start <= _LAST else tuple(gaps)


def _intersection(one: Ranges, other: Ranges) -> Ranges:
    common, left, right = [], 0, 0
    while left < len(one) and right < len(other):
        first, last = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if first <= last:
            common.append((first, last))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(common)
