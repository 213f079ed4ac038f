"""A page of what an estate uses, and of the order to migrate in, stage by stage as a map."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.analysis.discover import Verdict
from harness.base.vocabulary import Mesh
from harness.report import discovery as words
from harness.report.document.models import End, Truth
from harness.report.html.drawing import by_end, drawing
from harness.report.html.layout import layout
from harness.report.html.mesh_map import Arrow, MeshMap, Node
from harness.report.html.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.discover import Discovery, Migration, Stage
    from harness.analysis.discover.call_graph import Call
    from harness.report.html.drawing import Drawing, Line
    from harness.report.html.layout import Layout

KINDS = {
    "istio": "within Istio's mesh",
    "linkerd": "within Linkerd's mesh",
    "plain": "plaintext: one end has moved",
}
_TONES = {
    Verdict.NO_EQUIVALENT: "fail",
    Verdict.CHANGES: "inconclusive",
    Verdict.CHECK: "inconclusive",
    Verdict.TRANSLATES: "pass",
}
_LINES = 4_000
"""Lines of all maps together, up to which each stage has one."""


@dataclass(frozen=True)
class Moment:
    """The estate after a stage, or (without one) as it is: a map, and the calls that are plaintext."""

    name: str
    stage: Stage | None
    boundaries: tuple[Call, ...]
    map: MeshMap
    drawing: Drawing

    @property
    def drawn(self) -> frozenset[str]:
        return frozenset(line.kind for line in self.drawing.lines)

    @property
    def lines(self) -> Mapping[str, tuple[Line, ...]]:
        """Of a crowded map the lines of each end."""
        return by_end(self.drawing.lines) if self.drawing.grouped else {}


@dataclass(frozen=True)
class Atlas:
    """The maps of a migration, in one layout."""

    layout: Layout
    stages: tuple[Moment, ...]


def page(discovery: Discovery) -> str:
    """Returns the HTML: the order to migrate in, the features in use, the values of the installation."""
    migration = discovery.migration
    counts = Counter(each.verdict for each in discovery.features)
    counts.update(each.verdict for each in discovery.settings)
    sums = [(_TONES[each], f"{counts[each]} {each}") for each in Verdict if counts[each]]
    return rendered(
        "discovery.html",
        kicker="What an estate uses of Istio, and how to leave it",
        headline=_headline(migration),
        sums=sums + ([("inconclusive", f"{len(discovery.unread)} not read")] if discovery.unread else []),
        notes=list(words.order(migration)),
        about="calls are those that workloads, routes and policies tell of.",
        discovery=discovery,
        atlas=_atlas(migration),
        kinds=KINDS,
        tones=_TONES,
    )


def _headline(migration: Migration) -> str:
    if not migration.stages:
        return "No namespace is in Istio's mesh"
    number = len(migration.stages)
    return f"A migration in {number} stage{'s' * (number != 1)}"


def _atlas(migration: Migration) -> Atlas:
    """A map of the start, and of each stage as long as the page stays small."""
    mapped = max(1, _LINES // max(1, len(migration.graph)))
    ends = _ends(migration)
    moved = set(migration.moved)
    told: list[tuple[str, Stage | None, tuple[Call, ...], MeshMap]] = []
    told.append(("now", None, migration.before, _map(migration, ends, moved, migration.before, "")))
    for stage in migration.stages[: mapped - 1]:
        moved = moved | {stage.moves}
        made = _map(migration, ends, moved, stage.boundaries, stage.moves)
        told.append((stage.moves, stage, stage.boundaries, made))
    places = layout(each[-1] for each in told)
    return Atlas(places, tuple(Moment(*each, _named(drawing(each[-1], places))) for each in told))


def _ends(migration: Migration) -> dict[str, tuple[End, str]]:
    """Callers, called Services and places without either, each with the place that it moves with."""
    callers = {call.caller: call.source for call in migration.graph}
    servers = {call.server: call.target for call in migration.graph}
    silent = set(migration.places).difference(callers.values(), servers.values())
    homes = {**{place: place for place in silent}, **servers, **callers}
    return {
        name: (_end(name, is_service=name in servers and name not in callers), place)
        for name, place in sorted(homes.items())
    }


def _end(name: str, *, is_service: bool) -> End:
    namespace, slash, own = name.partition("/")
    return End(
        kind="service" if is_service else "workload",
        namespace=namespace,
        name=own if slash else "any workload",
    )


def _map(
    migration: Migration,
    ends: Mapping[str, tuple[End, str]],
    moved: set[str],
    boundaries: tuple[Call, ...],
    moves: str,
) -> MeshMap:
    nodes = [
        Node(end, (_mesh(place, moved),), before=(Mesh.ISTIO,) if place == moves else None)
        for end, place in ends.values()
    ]
    return MeshMap(tuple(nodes), tuple(_arrows(migration, ends, moved, set(boundaries), moves)))


def _arrows(
    migration: Migration,
    ends: Mapping[str, tuple[End, str]],
    moved: set[str],
    boundaries: set[Call],
    moves: str,
) -> Iterator[Arrow]:
    for call in migration.graph:
        source, target = ends[call.caller][0], ends[call.server][0]
        plain = call in boundaries
        truth, mesh = (Truth.PLAINTEXT, "") if plain else (Truth.MUTUAL, _mesh(call.target, moved))
        changed = moves in (call.source, call.target)
        yield Arrow(source, target, truth, mesh, observed=False, changed=changed)


def _mesh(place: str, moved: set[str]) -> Mesh:
    return Mesh.LINKERD if place in moved else Mesh.ISTIO


def _named(drawn: Drawing) -> Drawing:
    """The drawing in words of what is known here: which meshes hold the ends."""
    lines = tuple(replace(line, title=f"{' → '.join(line.ends)}: {KINDS[line.kind]}") for line in drawn.lines)
    return replace(drawn, lines=lines)
