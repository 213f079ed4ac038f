"""Where nodes of maps stand: the same in each stage, by who calls whom, and the same for the same input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from harness.report.document.models import End
    from harness.report.html.mesh_map import MeshMap

    Key = TypeVar("Key", bound=Hashable)

CHARACTER = 7.3
"""Units that a character of a name takes, at most on average."""

NODE_HEIGHT, ROW, COLUMN_GAP = 32, 48, 110
PADDING, HEADER, BOX_GAP, RANK_GAP = 18, 34, 30, 120
LONGEST = 26
"""Characters of a name that are shown on a map."""

TALLEST = 9
"""Nodes of one column of a box; more go to a further column."""

GRID_FROM = 24
"""Nodes of a namespace from which they stand in a grid, by their names."""


@dataclass(frozen=True)
class Box:
    """A rectangle of the map."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    def meets(self, other: Box) -> bool:
        """Returns whether the two have a point in common."""
        beside = self.right <= other.x or other.right <= self.x
        return not (beside or self.bottom <= other.y or other.bottom <= self.y)


@dataclass(frozen=True)
class Layout:
    """Places of namespaces and ends, in units of a picture of this size."""

    width: float
    height: float
    namespaces: Mapping[str, Box]
    nodes: Mapping[End, Box]


def shown(name: str) -> str:
    """Returns a name as a map shows it: the middle of a long one is left out."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}…{name[-8:]}"


def layout(maps: Iterable[MeshMap]) -> Layout:
    """Returns one layout for all stages of a scenario: what stays stands still."""
    maps = list(maps)
    ends = sorted({node.end for each in maps for node in each.nodes}, key=_name)
    pairs = sorted(
        {(arrow.source, arrow.target) for each in maps for arrow in each.arrows},
        key=lambda pair: (_name(pair[0]), _name(pair[1])),
    )
    groups: dict[str, list[End]] = {}
    callers = {source for source, _ in pairs}
    for end in ends:
        if end.kind == "outside":  # callers from outside on one side, places outside on the other
            groups.setdefault(_OUTSIDE[end in callers], []).append(end)
        else:
            groups.setdefault(end.namespace, []).append(end)
    home = {end: name for name, members in groups.items() for end in members}
    ranks = _ranks(sorted(groups), [(home[a], home[b]) for a, b in pairs if home[a] != home[b]])
    if _OUTSIDE[False] in ranks:
        ranks[_OUTSIDE[False]] = len(groups)
    columns: dict[int, list[str]] = {}
    for name in sorted(groups):
        columns.setdefault(ranks[name], []).append(name)
    inner = {name: _inside(members, pairs) for name, members in groups.items()}
    return _placed([columns[rank] for rank in sorted(columns)], groups, inner)


_OUTSIDE = {True: "\x00from outside", False: "\x00outside"}
"""Groups of what isn't in the cluster; no namespace is called so."""


def is_outside(namespace: str) -> bool:
    """Returns whether a box of a layout stands for what isn't in the cluster."""
    return namespace.startswith("\x00")


def _name(end: End) -> tuple[str, str, str]:
    return end.namespace, end.name, end.kind


def _ranks(names: Sequence[Key], pairs: Iterable[tuple[Key, Key]]) -> dict[Key, int]:
    """Columns: each stands right of those that call it; calls that would close a circle count for nothing."""
    onward: dict[Key, dict[Key, None]] = {name: {} for name in names}
    called: set[Key] = set()
    for source, target in pairs:
        if source != target:
            onward[source][target] = None
            called.add(target)
    order: list[Key] = []
    state: dict[Key, bool] = {}  # True: being visited, False: done
    kept: list[tuple[Key, Key]] = []
    for root in (*(name for name in names if name not in called), *names):
        if root in state:
            continue
        state[root] = True
        stack = [(root, iter(onward[root]))]
        while stack:
            name, rest = stack[-1]
            for other in rest:
                if other not in state:
                    state[other] = True
                    kept.append((name, other))
                    stack.append((other, iter(onward[other])))
                    break
                if not state[other]:
                    kept.append((name, other))
            else:
                state[name] = False
                order.append(name)
                stack.pop()
    ranks = dict.fromkeys(names, 0)
    after: dict[Key, list[Key]] = {}
    for name, other in kept:
        after.setdefault(name, []).append(other)
    for name in reversed(order):
        for other in after.get(name, ()):
            ranks[other] = max(ranks[other], ranks[name] + 1)
    return ranks


def _inside(members: Collection[End], pairs: Iterable[tuple[End, End]]) -> list[list[End]]:
    """A group's nodes by columns."""
    ordered = sorted(members, key=_name)
    if len(ordered) >= GRID_FROM:
        rows = max(TALLEST, round((len(ordered) * 2.2) ** 0.5))
        return [ordered[at : at + rows] for at in range(0, len(ordered), rows)]
    own = [(a, b) for a, b in pairs if a in members and b in members]
    ranks = _ranks(ordered, own)
    columns: list[list[End]] = []
    for rank in sorted(set(ranks.values())):
        column = [end for end in ordered if ranks[end] == rank]
        columns += [column[at : at + TALLEST] for at in range(0, len(column), TALLEST)]
    return _untangled(columns, own)


def _untangled(columns: list[list[End]], pairs: list[tuple[End, End]]) -> list[list[End]]:
    """Each column in the order of those in the columns before that call its nodes."""
    place: dict[End, float] = {}
    told = []
    for column in columns:
        sources = {end: [place[a] for a, b in pairs if b == end and a in place] for end in column}
        middle = (len(column) - 1) / 2
        column = sorted(
            column,
            key=lambda end: (sum(sources[end]) / len(sources[end]) if sources[end] else middle, _name(end)),
        )
        place.update((end, index - middle) for index, end in enumerate(column))
        told.append(column)
    return told


def _placed(
    columns: list[list[str]], groups: Mapping[str, list[End]], inner: Mapping[str, list[list[End]]]
) -> Layout:
    sizes = {name: _size(inner[name]) for name in groups}
    heights = [sum(sizes[name][1] for name in column) + BOX_GAP * (len(column) - 1) for column in columns]
    tallest = max(heights, default=0)
    boxes: dict[str, Box] = {}
    nodes: dict[End, Box] = {}
    x = 1.0
    for column, height in zip(columns, heights, strict=True):
        width = max(sizes[name][0] for name in column)
        y = 1.0 + (tallest - height) / 2
        for name in column:
            box = Box(x + (width - sizes[name][0]) / 2, y, *sizes[name])
            boxes[name] = box
            nodes |= _within(box, inner[name])
            y += box.height + BOX_GAP
        x += width + RANK_GAP
    return Layout(max(x - RANK_GAP, 1) + 1, tallest + 2, boxes, nodes)


def _gap(columns: list[list[End]]) -> float:
    return COLUMN_GAP if sum(map(len, columns)) < GRID_FROM else 24


def _widths(columns: list[list[End]]) -> list[float]:
    return [max(CHARACTER * len(shown(end.name)) + 52 for end in column) for column in columns]


def _size(columns: list[list[End]]) -> tuple[float, float]:
    widths, rows = _widths(columns), max(map(len, columns))
    width = sum(widths) + _gap(columns) * (len(columns) - 1) + 2 * PADDING
    return max(width, 170), HEADER + rows * ROW - (ROW - NODE_HEIGHT) + PADDING


def _within(box: Box, columns: list[list[End]]) -> dict[End, Box]:
    nodes: dict[End, Box] = {}
    widths, rows = _widths(columns), max(map(len, columns))
    x = box.x + (box.width - sum(widths) - _gap(columns) * (len(columns) - 1)) / 2
    for column, width in zip(columns, widths, strict=True):
        y = box.y + HEADER + (rows - len(column)) * ROW / 2
        if sum(map(len, columns)) >= GRID_FROM:
            y = box.y + HEADER
        for end in column:
            nodes[end] = Box(x, y, width, NODE_HEIGHT)
            y += ROW
        x += width + _gap(columns)
    return nodes
