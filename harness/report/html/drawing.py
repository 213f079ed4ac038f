"""Arrows of a map as curves, with a badge on each that tells its kind without a colour."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.report.html.layout import Box, is_outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.report.document.models import End
    from harness.report.html.layout import Layout
    from harness.report.html.mesh_map import Arrow, MeshMap

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]

ALL_DRAWN = 60
"""Arrows up to which all are drawn; of more those of a workload show when it is looked at."""

BADGE = 10.0
"""The radius of a badge."""

GLYPHS = {
    "istio": "I",
    "linkerd": "L",
    "mutual": "M",
    "plain": "P",
    "denied": "⊘",
    "failed": "✕",
    "redirected": "↪",
    "egress": "↗",
    "proxy": "•",
    "unknown": "?",
    "enters": "→",
}

_TRIED = (0.5, 0.42, 0.58, 0.34, 0.66, 0.28, 0.72, 0.22, 0.78)


@dataclass(frozen=True)
class Line:
    """A curve, its badge's place and glyph, and what it tells."""

    path: str
    x: float
    y: float
    glyph: str
    kind: str
    label: str
    title: str
    observed: bool
    changed: bool
    ends: tuple[str, str]

    @property
    def label_width(self) -> float:
        return 6.6 * len(self.label) + 10


@dataclass(frozen=True)
class Drawing:
    """Lines between nodes; where there are too many, `grouped` ones between namespaces are drawn instead."""

    lines: tuple[Line, ...]
    grouped: tuple[Line, ...] = ()


def drawing(mesh_map: MeshMap, layout: Layout) -> Drawing:
    """Returns the lines of a stage's arrows."""
    ends = [(layout.nodes[arrow.source], layout.nodes[arrow.target]) for arrow in mesh_map.arrows]
    curves = _curves(ends)
    taken: list[Box] = list(layout.nodes.values())
    lines = []
    crowded = len(mesh_map.arrows) > ALL_DRAWN
    for arrow, curve in zip(mesh_map.arrows, curves, strict=True):
        kind = "enters" if arrow.enters else arrow.kind
        line = Line(
            _path(curve),
            *_at(curve, 0.5),
            GLYPHS[kind],
            kind,
            arrow.weight,
            f"{arrow.source} → {arrow.target}: {arrow.words}" + (f", {arrow.weight}" if arrow.weight else ""),
            arrow.observed,
            arrow.changed,
            (str(arrow.source), str(arrow.target)),
        )
        lines.append(line if crowded else _beside(line, curve, taken))
    return Drawing(tuple(lines), _grouped(mesh_map.arrows, layout) if crowded else ())


def _grouped(arrows: Iterable[Arrow], layout: Layout) -> tuple[Line, ...]:
    """A line for all calls between two namespaces of which the same is true."""
    home: dict[End, str] = {
        end: name
        for name, box in layout.namespaces.items()
        for end, node in layout.nodes.items()
        if box.x <= node.x <= box.right and box.y <= node.y <= box.bottom
    }
    counted: Counter[tuple[str, str, str, bool]] = Counter()
    changed: set[tuple[str, str, str, bool]] = set()
    for arrow in arrows:
        kind = "enters" if arrow.enters else arrow.kind
        key = (home[arrow.source], home[arrow.target], kind, arrow.observed)
        if key[0] != key[1]:
            counted[key] += 1
            changed |= {key} if arrow.changed else set()
    keys = sorted(counted)
    curves = _curves([(layout.namespaces[key[0]], layout.namespaces[key[1]]) for key in keys])
    taken: list[Box] = []
    lines = []
    for key, curve in zip(keys, curves, strict=True):
        source, target, kind, observed = key
        names = tuple("outside" if is_outside(name) else name for name in (source, target))
        line = Line(
            _path(curve),
            *_at(curve, 0.5),
            GLYPHS[kind],
            kind,
            f"× {counted[key]}" if counted[key] > 1 else "",
            f"{names[0]} → {names[1]}: {counted[key]} {kind}",
            observed,
            key in changed,
            (names[0], names[1]),
        )
        lines.append(_beside(line, curve, taken))
    return tuple(lines)


def _curves(pairs: Sequence[tuple[Box, Box]]) -> list[Curve]:
    """A curve for each pair of boxes; those that leave or reach one side of a box share its height out."""
    sides = [_sides(source, target) for source, target in pairs]
    ports: dict[tuple[Box, str], list[tuple[float, int, int]]] = {}
    for index, ((source, target), (out, into)) in enumerate(zip(pairs, sides, strict=True)):
        ports.setdefault((source, out), []).append((target.middle, index, 0))
        ports.setdefault((target, into), []).append((source.middle, index, 1))
    points: dict[tuple[int, int], Point] = {}
    for (box, side), uses in ports.items():
        x = box.x if side == "left" else box.right
        for number, (_, index, end) in enumerate(sorted(uses)):
            points[index, end] = (x, box.y + box.height * (number + 1) / (len(uses) + 1))
    return [_curve(points[index, 0], points[index, 1], *sides[index]) for index in range(len(pairs))]


def _sides(source: Box, target: Box) -> tuple[str, str]:
    if target.x >= source.right:
        return "right", "left"
    if target.right <= source.x:
        return "left", "right"
    return "right", "right"


def _curve(start: Point, end: Point, out: str, into: str) -> Curve:
    across = abs(end[0] - start[0])
    reach = max(36.0, across * 0.45) if out != into else 40.0 + 0.25 * abs(end[1] - start[1])
    first = start[0] + (reach if out == "right" else -reach), start[1]
    last = end[0] + (reach if into == "right" else -reach), end[1]
    return start, first, last, end


def _path(curve: Curve) -> str:
    (a, b), (c, d), (e, f), (g, h) = curve
    return f"M{a:.1f} {b:.1f}C{c:.1f} {d:.1f} {e:.1f} {f:.1f} {g:.1f} {h:.1f}"


def _at(curve: Curve, t: float) -> Point:
    u = 1 - t
    weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    x = sum(weight * point[0] for weight, point in zip(weights, curve, strict=True))
    y = sum(weight * point[1] for weight, point in zip(weights, curve, strict=True))
    return round(x, 1), round(y, 1)


def _beside(line: Line, curve: Curve, taken: list[Box]) -> Line:
    """The line with its badge where it hides nothing, if there is such a place; it is taken then."""
    width = 2 * BADGE + (line.label_width + 2 if line.label else 0)
    spots = []
    for t in _TRIED:
        x, y = _at(curve, t)
        spots.append((x, y, Box(x - BADGE - 2, y - BADGE - 2, width + 4, 2 * BADGE + 4)))
    x, y, box = next((spot for spot in spots if not any(map(spot[2].meets, taken))), spots[0])
    taken.append(box)
    return replace(line, x=x, y=y)


def by_end(lines: Iterable[Line]) -> Mapping[str, tuple[Line, ...]]:
    """Returns the lines that leave or reach each end."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        for end in dict.fromkeys(line.ends):
            found.setdefault(end, []).append(line)
    return {end: tuple(own) for end, own in found.items()}
