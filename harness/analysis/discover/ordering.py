"""The order that keeps the fewest calls cut while places move one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    Weights = Mapping[frozenset[str], int]
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
    parts = _parts(sorted(set(places)), weights)
    anchored = [part for part in parts if _is_anchored(part, weights)]
    free = [part for part in parts if part not in anchored]
    between = [place for part in free for place in _best(part, weights, guards, 0)[0]]
    order, at = _best(anchored[0], weights, guards, len(between)) if anchored else ([], 0)
    exact = all(len(part) <= EXACT for part in parts)
    return Arrangement((*order[:at], *between, *order[at:]), exact)


def cost(order: Sequence[str], weights: Weights) -> int:
    """Returns the sum of cut weights over the stages, one after each move."""
    at = {place: index for index, place in enumerate(order, start=1)}
    at |= {MOVED: 1, STAYING: len(order) + 1}
    return sum(
        weight * abs(at[one] - at[other])
        for (one, other), weight in ((sorted(pair), weight) for pair, weight in weights.items())
        if one in at and other in at
    )


def _parts(places: Sequence[str], weights: Weights) -> list[list[str]]:
    """The places that hang together, by calls among them or with what moved or stays; small parts first."""
    near: dict[str, set[str]] = {place: set() for place in places}
    for pair in weights:
        for one in pair:
            near.setdefault(one, set()).update(pair - {one})
    # All that stays and all that moved before are one: what is cut towards them depends on the whole order.
    for one, other in ((MOVED, STAYING), (STAYING, MOVED)):
        near.setdefault(one, set()).add(other)
    seen: set[str] = set()
    parts = []
    for place in places:
        part, waiting = [], [place]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                part.append(one)
                waiting += near.get(one, ())
        if part:
            parts.append(sorted(one for one in part if one not in (MOVED, STAYING)))
    return sorted(parts, key=lambda part: (len(part), part))


def _is_anchored(part: Collection[str], weights: Weights) -> bool:
    anchors = {MOVED, STAYING}
    return any(pair & anchors and not pair.isdisjoint(part) for pair in weights)


def _best(part: Sequence[str], weights: Weights, guards: Guards, others: int) -> tuple[list[str], int]:
    """The order of a part, and after how many of its moves the others are best moved, which cut nothing."""
    if len(part) <= EXACT:
        return _exact(part, weights, guards, others)
    order = _heuristic(part, weights)
    moments = range(len(order) + 1)
    return order, min(moments, key=lambda at: _cut_after(order, at, weights))


def _cut_after(order: Sequence[str], moves: int, weights: Weights) -> int:
    side = dict.fromkeys(order[:moves], True) | dict.fromkeys(order[moves:], False)
    side |= {MOVED: True, STAYING: False}
    return sum(weight for pair, weight in weights.items() if {True, False} == {side.get(one) for one in pair})


def _exact(part: Sequence[str], weights: Weights, guards: Guards, others: int) -> tuple[list[str], int]:
    """The same by dynamic programming over the sets of places that have moved."""
    everything = (1 << len(part)) - 1
    level = _levels(part, weights, guards, others)
    # What is still to come from a set on: once the others have moved, and as long as they haven't.
    after = [0] * (everything + 1)
    before = [0] * (everything + 1)
    for moved in range(everything, -1, -1):
        left = [moved | one for one in _bits(everything & ~moved)]
        after[moved] = min((level[one] + after[one] for one in left), default=0)
        now = others * level[moved] + after[moved]
        before[moved] = min([now, *(level[one] + before[one] for one in left)])
    order: list[str] = []
    moved, at, coming = 0, -1, before
    while True:
        if coming is before and before[moved] == others * level[moved] + after[moved]:
            coming, at = after, len(order)
        if moved == everything:
            return order, at
        costs = {one: level[moved | one] + coming[moved | one] for one in _bits(everything & ~moved)}
        following = min(costs, key=costs.__getitem__)
        order.append(part[following.bit_length() - 1])
        moved |= following


def _levels(part: Sequence[str], weights: Weights, guards: Guards, others: int) -> list[int]:
    """What is cut once a set of places (as bits) has moved: calls, and in the last place guards."""
    bit = {place: 1 << index for index, place in enumerate((*part, MOVED, STAYING))}
    near = [_neighbours(place, bit, weights) for place in part]
    guarded = [
        (bit[place], sum(bit[caller] for caller in callers if caller in bit))
        for place, callers in guards.items()
        if place in part
    ]
    before = bit[MOVED]
    cut = [sum(weight for place in near for other, weight in place if other == before)]
    for moved in range(1, 1 << len(part)):
        last = moved & -moved
        rest = (moved ^ last) | before
        changes = (-weight if other & rest else weight for other, weight in near[last.bit_length() - 1])
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


def _neighbours(place: str, bit: Mapping[str, int], weights: Weights) -> list[tuple[int, int]]:
    return [
        (bit[other], weight)
        for pair, weight in weights.items()
        if place in pair
        for other in pair - {place}
        if other in bit
    ]


def _heuristic(part: Sequence[str], weights: Weights) -> list[str]:
    """A good order: grown from several places by the least cut, then each place put where it costs least."""
    near: dict[str, dict[str, int]] = {place: {} for place in part}
    for pair, weight in weights.items():
        one, other = sorted(pair)
        for place, neighbour in ((one, other), (other, one)):
            if place in near:
                near[place][neighbour] = weight
    starts = sorted(part, key=lambda place: (sum(near[place].values()), place))[:_STARTS]
    orders = (_sifted(_grown(start, near), near) for start in starts)
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
    one, other = order[left], order[left + 1]
    change = sum(weight if at[n] < left else -weight for n, weight in near[one].items() if n != other)
    change += sum(-weight if at[n] < left else weight for n, weight in near[other].items() if n != one)
    order[left : left + 2] = other, one
    at[one], at[other] = left + 1, left
    return change


def _put(order: list[str], at: dict[str, int], place: str, there: int) -> None:
    here = at[place]
    order.insert(there, order.pop(here))
    for index in range(min(here, there), max(here, there) + 1):
        at[order[index]] = index
