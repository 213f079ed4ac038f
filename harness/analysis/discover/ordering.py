"""The order that keeps the fewest calls cut while places move one at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Weights = Mapping[frozenset[str], int]
    Near = defaultdict[str, dict[str, int]]
    Guards = Mapping[str, frozenset[str]]

MOVED, STAYING = "(moved before)", "(moved after)"
"""Stand for all that has moved before the first of these places moves, and all that moves after the last."""

EXACT = 16
"""Places that hang together for which every order is weighed; there are 2^16 sets of them."""

_STARTS = 4
"""Orders from which a good one is looked for where there are too many to weigh."""


@dataclass(frozen=True)
class Arrangement:
    """An order, and whether no other one has fewer cut calls, summed over its stages."""

    order: tuple[str, ...]
    exact: bool


def arrangement(
    places: Iterable[str],
    weights: Weights,
    guards: Guards,
) -> Arrangement:
    """Returns the order in which to move places so that the sum of cut weights over all stages is least.

    `weights` are of pairs of places (or of a place and MOVED or STAYING). Of orders alike in this the one
    counts whose `guards` (places, and who calls them) have callers on the other side in the fewest stages,
    then the first by name. Parts that don't hang together move one after another, small ones first.
    """
    near = _near(weights)
    parts = _parts(sorted(set(places)), near)
    anchors = near[MOVED].keys() | near[STAYING].keys()
    anchored = [part for part in parts if not anchors.isdisjoint(part)]
    free = [part for part in parts if part not in anchored]
    between = [place for part in free for place in _best(part, weights, near, guards, 0)[0]]
    order, at = _best(anchored[0], weights, near, guards, len(between)) if anchored else ([], 0)
    exact = all(len(part) <= EXACT for part in parts)
    return Arrangement((*order[:at], *between, *order[at:]), exact)


def cost(order: Sequence[str], weights: Weights) -> int:
    """Returns the sum of cut weights over the stages, one after each move."""
    at = {place: index for index, place in enumerate(order, start=1)}
    at |= {MOVED: 1, STAYING: len(order) + 1}
    return sum(
        weight * abs(at[place] - at[other])
        for (place, other), weight in ((sorted(pair), weight) for pair, weight in weights.items())
        if place in at and other in at
    )


def _near(weights: Weights) -> Near:
    """The weights of each place's pairs, by the other place."""
    near: Near = defaultdict(dict)
    for (place, other), weight in weights.items():
        near[place][other] = near[other][place] = weight
    return near


def _parts(places: Sequence[str], near: Near) -> list[list[str]]:
    """The places that hang together, by calls among them or with what moved or stays; small parts first."""
    seen: set[str] = set()
    parts = []
    for place in places:
        part, waiting = [], [place]
        while waiting:
            following = waiting.pop()
            if following not in seen:
                seen.add(following)
                part.append(following)
                waiting += near[following]
                # What stays and what moved are one: what is cut towards them depends on the whole order.
                waiting += (MOVED, STAYING) if following in (MOVED, STAYING) else ()
        if part:
            parts.append(sorted(set(part) - {MOVED, STAYING}))
    return sorted(parts, key=lambda part: (len(part), part))


def _best(
    part: Sequence[str], weights: Weights, near: Near, guards: Guards, others: int
) -> tuple[list[str], int]:
    """The order of a part, and after how many of its moves the others are best moved, which cut nothing."""
    if len(part) <= EXACT:
        return _exact(part, near, guards, others)
    order = _heuristic(part, weights, near)
    return order, min(range(len(order) + 1), key=lambda moves: _cut_after(order, moves, near))


def _cut_after(order: Sequence[str], moves: int, near: Near) -> int:
    moved, left = (MOVED, *order[:moves]), {*order[moves:], STAYING}
    return sum(weight for place in moved for other, weight in near[place].items() if other in left)


def _exact(part: Sequence[str], near: Near, guards: Guards, others: int) -> tuple[list[str], int]:
    """The same by dynamic programming over the sets of places that have moved."""
    everything = (1 << len(part)) - 1
    level = _levels(part, near, guards, others)
    # What is still to come from a set on: once the others have moved, and as long as they haven't.
    after = [0] * (everything + 1)
    before = [0] * (everything + 1)
    for moved in range(everything, -1, -1):
        left = [moved | bit for bit in _bits(everything & ~moved)]
        after[moved] = min((level[after_move] + after[after_move] for after_move in left), default=0)
        now = others * level[moved] + after[moved]
        before[moved] = min([now, *(level[after_move] + before[after_move] for after_move in left)])
    order: list[str] = []
    moved, at, coming = 0, -1, before
    while True:
        if coming is before and before[moved] == others * level[moved] + after[moved]:
            coming, at = after, len(order)
        if moved == everything:
            return order, at
        costs = {bit: level[moved | bit] + coming[moved | bit] for bit in _bits(everything & ~moved)}
        following = min(costs, key=costs.__getitem__)
        order.append(part[following.bit_length() - 1])
        moved |= following


def _levels(part: Sequence[str], near: Near, guards: Guards, others: int) -> list[int]:
    """What is cut once a set of places (as bits) has moved: calls, and in the last place guards."""
    bit = {place: 1 << index for index, place in enumerate((*part, MOVED, STAYING))}
    pairs = [[(bit[o], weight) for o, weight in near[place].items() if o in bit] for place in part]
    guarded = [
        (bit[place], sum(bit[caller] for caller in callers if caller in bit))
        for place, callers in guards.items()
        if place in part
    ]
    before = bit[MOVED]
    cut = [sum(weight for place in pairs for other, weight in place if other == before)]
    for moved in range(1, 1 << len(part)):
        last = moved & -moved
        rest = (moved ^ last) | before
        changes = (-weight if other & rest else weight for other, weight in pairs[last.bit_length() - 1])
        cut.append(cut[moved ^ last] + sum(changes))
    # All guards in all stages weigh less than one call.
    unit = (len(part) + others + 1) * len(guarded) + 1
    return [calls * unit + _parted(guarded, moved | before) for moved, calls in enumerate(cut)]


def _parted(guarded: Iterable[tuple[int, int]], moved: int) -> int:
    """How many guarded places have callers on the other side."""
    return sum(bool(callers & (~moved if place & moved else moved)) for place, callers in guarded)


def _bits(number: int) -> Iterable[int]:
    """The bits of a number, the lowest first."""
    while number:
        low = number & -number
        yield low
        number ^= low


def _heuristic(part: Sequence[str], weights: Weights, near: Near) -> list[str]:
    """A good order: grown from several places by the least cut, then each place put where it costs least."""
    inner = {place: near[place] for place in part}
    starts = sorted(part, key=lambda place: (sum(inner[place].values()), place))[:_STARTS]
    orders = (_sifted(_grown(start, inner), inner) for start in starts)
    return min(orders, key=lambda order: (cost(order, weights), order))


def _grown(start: str, near: Mapping[str, Mapping[str, int]]) -> list[str]:
    order, moved = [start], {start, MOVED}
    while len(order) < len(near):
        following = min(
            (place for place in near if place not in moved),
            key=lambda place: (
                sum(-weight if other in moved else weight for other, weight in near[place].items()),
                place,
            ),
        )
        order.append(following)
        moved.add(following)
    return order


def _sifted(order: list[str], near: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The order with each place moved to where it costs least, until no single move is worth it."""
    at = {place: index for index, place in enumerate(order)} | {MOVED: -1, STAYING: len(order)}
    improved = True
    while improved:
        improved = False
        for place in sorted(order):
            here = at[place]
            least, there = 0, here
            for step in (-1, 1):
                change = 0
                while 0 <= at[place] + step < len(order):
                    change += _swap(order, at, min(at[place], at[place] + step), near)
                    if change < least:
                        least, there = change, at[place]
                _put(order, at, place, here)
            if least < 0:
                _put(order, at, place, there)
                improved = True
    return order


def _swap(order: list[str], at: dict[str, int], left: int, near: Mapping[str, Mapping[str, int]]) -> int:
    """Swaps a place with the one right of it; returns by how much that changes the order's cost."""
    place, other = order[left], order[left + 1]
    change = sum(weight if at[n] < left else -weight for n, weight in near[place].items() if n != other)
    change += sum(-weight if at[n] < left else weight for n, weight in near[other].items() if n != place)
    order[left : left + 2] = other, place
    at[place], at[other] = left + 1, left
    return change


def _put(order: list[str], at: dict[str, int], place: str, there: int) -> None:
    here = at[place]
    order.insert(there, order.pop(here))
    for index in range(min(here, there), max(here, there) + 1):
        at[order[index]] = index
