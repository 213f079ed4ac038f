"""Lists of ports as Linkerd's annotations and settings write them: `25,587,3306-3310`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Ports = frozenset[int]

_NONE: Ports = frozenset()


def strict(text: str) -> Ports:
    """Returns a list's ports; none at all where a part can't be read [policy-controller: ports.rs]."""
    numbers: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        ports = _range(part)
        if not ports:
            return _NONE
        numbers.update(ports)
    return frozenset(numbers)


def lenient(text: str, names: Mapping[str, int] | None = None) -> Ports:
    """Returns a list's ports, of which some may be container ports' names, without what can't be read.

    So the injector and the destination controller read them [linkerd/linkerd2: pkg/util/parsing.go].
    """
    return frozenset(_numbers(text, names or {}))


def _numbers(text: str, names: Mapping[str, int]) -> Iterator[int]:
    for part in (part.strip() for part in text.split(",")):
        if part in names:
            yield names[part]
        else:
            yield from _range(part)


def _range(part: str) -> range:
    """The ports of `25` or `3306-3310`; none if it isn't of that form."""
    low, dash, high = (piece.strip() for piece in part.partition("-"))
    if not low.isdecimal() or (dash and not high.isdecimal()):
        return range(0)
    first, last = int(low), int(high or low)
    return range(first, last + 1) if 0 < first <= last < 65536 else range(0)
