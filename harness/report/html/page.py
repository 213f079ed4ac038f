"""The page of a run: what a document holds, as views for the templates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.document.models import Judgement
from harness.report.document.summary import SIGNS, counts, headline
from harness.report.html.drawing import by_end, drawing
from harness.report.html.layout import layout
from harness.report.html.mesh_map import maps
from harness.report.html.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.report.document.models import Document, Expectation, Scenario, Verdict
    from harness.report.html.drawing import Drawing, Line
    from harness.report.html.layout import Layout
    from harness.report.html.mesh_map import MeshMap

KINDS = {
    "istio": "mutual TLS by Istio",
    "linkerd": "mutual TLS by Linkerd",
    "mutual": "mutual TLS",
    "plain": "plaintext",
    "denied": "denied",
    "failed": "fails",
    "redirected": "redirected",
    "egress": "leaves the cluster",
    "proxy": "answered by a proxy",
    "unknown": "not known",
    "enters": "enters by a gateway",
}


@dataclass(frozen=True)
class StageView:
    """A stage with its map, and its verdicts by their expectations' places."""

    map: MeshMap
    drawing: Drawing
    counts: Mapping[Judgement, int]
    drawn: frozenset[str]

    @property
    def lines(self) -> Mapping[str, tuple[Line, ...]]:
        """Of a crowded map the lines of each end."""
        return by_end(self.drawing.lines) if self.drawing.grouped else {}


@dataclass(frozen=True)
class ScenarioView:
    """A scenario with the views of its stages; `first` is the place of the one that is shown first."""

    scenario: Scenario
    layout: Layout
    stages: tuple[StageView, ...]
    first: int

    def cells(self, row: Expectation) -> list[Verdict | None]:
        """Returns an expectation's verdict in each stage."""
        by_stage = {verdict.stage: verdict for verdict in row.verdicts}
        return [by_stage.get(index) for index in range(len(self.stages))]


def page(document: Document) -> str:
    """Returns the HTML of a document."""
    return rendered(
        "page.html",
        document=document,
        views=tuple(map(_scenario, document.scenarios)),
        totals=counts(document),
        headline=headline(document),
        signs=SIGNS,
        kinds=KINDS,
    )


def _scenario(scenario: Scenario) -> ScenarioView:
    made = maps(scenario)
    places = layout(made)
    stages = []
    for index, each in enumerate(made):
        own = Counter(
            verdict.result
            for row in scenario.expectations
            for verdict in row.verdicts
            if verdict.stage == index
        )
        lines = drawing(each, places)
        kinds = frozenset(line.kind for line in lines.lines)
        stages.append(StageView(each, lines, own, kinds))
    failing = [i for i, view in enumerate(stages) if view.counts[Judgement.FAIL]]
    return ScenarioView(scenario, places, tuple(stages), failing[0] if failing else len(stages) - 1)
