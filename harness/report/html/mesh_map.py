"""What a map of a stage shows: who is there, under which mesh, and what is true of the calls between them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.report.document.models import Edge, End, Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.report.document.models import Call, Held, Scenario, Stage, Verdict


@dataclass(frozen=True)
class Node:
    """An end of calls, or a workload that no call is about; `before` are the meshes that it had."""

    end: End
    meshes: tuple[str, ...] = ()
    known: bool = True
    before: tuple[str, ...] | None = None
    trouble: str = ""

    @property
    def held_by(self) -> str:
        """The mesh that holds it, in words."""
        if self.end.kind != "workload" or not self.known:
            return "" if self.end.kind != "workload" else "not known"
        return " and ".join(map(str.title, self.meshes)) or "no mesh"


@dataclass(frozen=True)
class Arrow:
    """Calls from one end to another of which the same is true; `least` and `most` are their shares."""

    source: End
    target: End
    truth: Truth
    mesh: str
    observed: bool
    enters: bool = False
    least: float = 1.0
    most: float = 1.0
    changed: bool = False
    answers: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is drawn by: one word."""
        return _KINDS[self.truth, self.mesh] if (self.truth, self.mesh) in _KINDS else _KINDS[self.truth, ""]

    @property
    def words(self) -> str:
        """What is true of the calls."""
        if self.enters:
            return "enters by the gateway"
        by = f" by {self.mesh.title()}" if self.mesh and self.truth is Truth.MUTUAL else ""
        return f"{self.truth}{by}"

    @property
    def weight(self) -> str:
        """Its share in percent, empty where it is all."""
        if self.least == 1 or self.enters:
            return ""
        low, high = (f"{100 * share:.3g}" for share in (self.least, self.most))
        return f"{low} %" if low == high else f"{low}–{high} %"


_KINDS = {
    (Truth.MUTUAL, "istio"): "istio",
    (Truth.MUTUAL, "linkerd"): "linkerd",
    (Truth.MUTUAL, ""): "mutual",
    (Truth.PLAINTEXT, ""): "plain",
    (Truth.DENIED, ""): "denied",
    (Truth.FAILED, ""): "failed",
    (Truth.REDIRECTED, ""): "redirected",
    (Truth.EGRESS, ""): "egress",
    (Truth.PROXY, ""): "proxy",
    (Truth.UNKNOWN, ""): "unknown",
}


@dataclass(frozen=True)
class MeshMap:
    """The map of one stage."""

    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many arrows there are of each kind."""
        return Counter(arrow.kind for arrow in self.arrows if not arrow.enters)


@dataclass
class _Drawn:
    """An arrow that is being put together."""

    edges: list[Edge] = field(default_factory=list)
    calls: dict[str, None] = field(default_factory=dict)
    changed: bool = False


def maps(scenario: Scenario) -> tuple[MeshMap, ...]:
    """Returns a map for each stage, with what is different from the stage before."""
    made: list[MeshMap] = []
    asked: dict[str, frozenset[_Key]] = {}
    held: dict[tuple[str, str], Held] = {}
    for index, stage in enumerate(scenario.stages):
        calls = [verdict.call for verdict in _verdicts(scenario, index) if verdict.call]
        now = {question: frozenset(map(_key, edges)) for question, edges in _questions(calls)}
        moved = {question for question, keys in now.items() if asked.get(question, keys) != keys}
        nodes = _nodes(stage, calls, held)
        there = {(node.end.namespace, node.end.name): node.end for node in nodes}
        made.append(MeshMap(nodes, tuple(_arrows(calls, moved, there))))
        asked |= now
        held |= {(each.namespace, each.name): each for each in stage.workloads}
    return tuple(made)


_Key = tuple[str, str, Truth, str, float]


def _key(edge: Edge) -> _Key:
    return str(edge.source), str(edge.target), edge.truth, edge.mesh, edge.share


def _verdicts(scenario: Scenario, index: int) -> Iterator[Verdict]:
    return (each for row in scenario.expectations for each in row.verdicts if each.stage == index)


def _question(call: Call) -> str:
    return f"{call.source} {call.method} {call.url}"


def _questions(calls: Iterable[Call]) -> Iterator[tuple[str, tuple[Edge, ...]]]:
    for call in calls:
        yield _question(call), call.edges
        for edge in call.onward:
            yield f"{_question(call)} {edge.source}", call.onward


def _nodes(stage: Stage, calls: list[Call], before: Mapping[tuple[str, str], Held]) -> tuple[Node, ...]:
    nodes = {
        (each.namespace, each.name): Node(
            End(kind="workload", namespace=each.namespace, name=each.name),
            each.meshes,
            not each.unknown,
            _before(each, before.get((each.namespace, each.name))),
            each.trouble,
        )
        for each in stage.workloads
    }
    for call in calls:
        for edge in (*call.edges, *call.predicted, *call.onward):
            for end in (edge.source, edge.target):
                nodes.setdefault((end.namespace, end.name), Node(end, known=end.kind != "workload"))
        for end in filter(None, (call.source, call.through)):
            nodes.setdefault((end.namespace, end.name), Node(end, known=end.kind != "workload"))
    return tuple(nodes[key] for key in sorted(nodes))


def _before(now: Held, was: Held | None) -> tuple[str, ...] | None:
    return was.meshes if was and not was.unknown and was.meshes != now.meshes else None


def _arrows(calls: Iterable[Call], moved: set[str], there: Mapping[tuple[str, str], End]) -> Iterator[Arrow]:
    drawn: dict[tuple[End, End, Truth, str, bool, bool], _Drawn] = {}
    for call in calls:
        words = f"{call.method} {call.url}"
        observed = call.basis == "observed"
        if call.through is not None:
            enters = Edge(source=call.source, target=call.through, truth=Truth.UNKNOWN, share=1)
            _add(drawn, enters, words, observed=observed, enters=True)
        for edge in call.edges:
            _add(drawn, edge, words, observed=observed, changed=_question(call) in moved)
        for edge in call.onward:
            changed = f"{_question(call)} {edge.source}" in moved
            _add(drawn, edge, f"to answer {words}", observed=False, changed=changed)
        seen = set(map(_truth, call.edges))
        for edge in call.predicted:
            if _truth(edge) not in seen:  # drift, or what the cluster doesn't show
                _add(drawn, edge, words, observed=False)
    for (source, target, truth, mesh, observed, by_gateway), one in sorted(drawn.items(), key=_order):
        shares = [edge.share for edge in one.edges]
        bounds = [
            bound for edge in one.edges if edge.bounds for bound in (edge.bounds.least, edge.bounds.most)
        ]
        yield Arrow(
            there[source.namespace, source.name],
            there[target.namespace, target.name],
            truth,
            mesh,
            observed,
            by_gateway,
            min((*shares, *bounds)),
            max((*shares, *bounds)),
            one.changed,
            tuple(dict.fromkeys(edge.answer for edge in one.edges if edge.answer)),
            tuple(one.calls),
        )


def _truth(edge: Edge) -> tuple[str, str, Truth, str]:
    return str(edge.source), str(edge.target), edge.truth, edge.mesh


def _order(item: tuple[tuple[End, End, Truth, str, bool, bool], _Drawn]) -> tuple[str, str, str, str, bool]:
    source, target, truth, mesh, observed, _ = item[0]
    return str(source), str(target), truth, mesh, observed


def _add(
    drawn: dict[tuple[End, End, Truth, str, bool, bool], _Drawn],
    edge: Edge,
    words: str,
    *,
    observed: bool,
    enters: bool = False,
    changed: bool = False,
) -> None:
    mesh = edge.mesh if edge.truth is Truth.MUTUAL else ""
    key = (edge.source, edge.target, edge.truth, mesh, observed, enters)
    one = drawn.setdefault(key, _Drawn())
    one.edges.append(edge)
    one.calls[words] = None
    one.changed |= changed
