"""What is true of calls, as edges from one end to another: read off outcomes and traces."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.display import redacted
from harness.expectations.policy import denied
from harness.report.document.models import Bounds, Call, Edge, End, Truth
from harness.traffic.between import bounds
from harness.traffic.request import HOST
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base import Workload
    from harness.expectations.verdict import Call as Sent
    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.trace import Step, Trace

_MOVED = range(300, 400)
_ERRORS = 400


def call(sent: Sent) -> Call:
    """Returns a verdict's call with the edges of what came back, equal ones as one."""
    request, modelled = sent.request, sent.predicted or sent.outcomes
    gateway = request.through
    through = End(kind="service", namespace=gateway.namespace, name=gateway.name) if gateway else None
    source = through or _source(request.source)
    addressed = next(filter(None, (_addressed(group.trace) for group in modelled.groups)), None)
    target = addressed or _outside(request.host)
    return Call(
        source=_source(request.source),
        through=through,
        method=request.http_method,
        url=redacted(request.url),
        basis="predicted" if sent.outcomes.exact else "observed",
        edges=_edges(source, target, sent.outcomes),
        predicted=_edges(source, target, sent.predicted) if sent.predicted is not None else (),
        onward=_onward(modelled),
    )


def truth_of(outcome: Outcome) -> Truth:
    """Returns what is true of an answer, or of the lack of one."""
    if outcome.external:
        return Truth.EGRESS
    if denied(outcome) or (outcome.hop is not None and outcome.hop.refused):
        return Truth.DENIED
    if outcome.failure is not None:
        return Truth.FAILED
    if outcome.status in _MOVED:
        return Truth.REDIRECTED
    if outcome.backend is None and (outcome.status or 0) >= _ERRORS:
        return Truth.FAILED
    if outcome.hop is not None:
        return Truth.MUTUAL if outcome.hop.mutual else Truth.PLAINTEXT
    return Truth.PROXY if outcome.backend is None and outcome.status else Truth.UNKNOWN


def _edges(source: End, target: End, outcomes: Outcomes) -> tuple[Edge, ...]:
    total = Fraction(outcomes.n or 1)
    groups = ((group.outcome, group.weight) for group in outcomes.groups)
    return _joined(source, target, groups, total, sampled=not outcomes.exact)


def _onward(outcomes: Outcomes) -> tuple[Edge, ...]:
    """The calls that applications make to answer, each with its share of the requests that make it."""
    made: dict[tuple[End, str], list[tuple[End, Outcome, Fraction]]] = {}
    for group in outcomes.groups:
        for source, url, target, outcome in _made(group):
            made.setdefault((source, url), []).append((target, outcome, group.weight))
    edges: list[Edge] = []
    for (source, _), answers in made.items():
        total = sum((Fraction(*w.as_integer_ratio()) for _, _, w in answers), Fraction(0))
        by_target: dict[End, list[tuple[Outcome, Fraction]]] = {}
        for target, outcome, weight in answers:
            by_target.setdefault(target, []).append((outcome, weight))
        for target, own in by_target.items():
            edges += _joined(source, target, own, total, sampled=False)
    return tuple(dict.fromkeys(edges))


def _made(group: Group) -> Iterator[tuple[End, str, End, Outcome]]:
    """The calls in a trace: who makes each, its URL, where it leads, and what it gets."""
    steps = group.trace
    for place, step in enumerate(steps):
        if step.action is not Action.CALLED or step.outcome is None:
            continue
        caller, url = step.parts
        rest = steps[place + 1 :]
        end = next((i for i, other in enumerate(rest) if _ends(other, step)), len(rest))
        target = _addressed(tuple(rest[:end]), step.depth) or _outside(str(url))
        yield _source(caller), str(url), target, step.outcome  # type: ignore[arg-type]


def _ends(other: Step, call: Step) -> bool:
    """Whether a step belongs no more to what a call brought about."""
    return other.depth < call.depth or (other.depth == call.depth and other.action is Action.CALLED)


def _joined(
    source: End,
    target: End,
    groups: Iterable[tuple[Outcome, Fraction]],
    total: Fraction,
    *,
    sampled: bool,
) -> tuple[Edge, ...]:
    """Edges of outcomes, those alike in all but their seconds as one."""
    alike: dict[tuple[End, Truth, str, str, str], list[tuple[float, Fraction]]] = {}
    for outcome, weight in groups:
        key = (_end(outcome, target), truth_of(outcome), *_protection(outcome), _words(outcome))
        alike.setdefault(key, []).append((outcome.seconds, weight))
    edges = []
    for (end, truth, mesh, client, answer), parts in alike.items():
        low, high = (sum((bounds(weight)[side] for _, weight in parts), Fraction(0)) for side in (0, 1))
        own = sum((Fraction(*weight.as_integer_ratio()) for _, weight in parts), Fraction(0))
        edges.append(
            Edge(
                source=source,
                target=end,
                truth=truth,
                mesh=mesh,
                client=client,
                answer=answer,
                share=float(own / total) if total else 0.0,
                bounds=Bounds(least=float(low / total), most=float(high / total)) if low < high else None,
                count=int(own) if sampled else None,
                fast=round(min(seconds for seconds, _ in parts), 4),
                slow=round(max(seconds for seconds, _ in parts), 4),
            )
        )
    return tuple(edges)


def _protection(outcome: Outcome) -> tuple[str, str]:
    """The mesh whose mutual TLS protects the last connection, and the client that it names."""
    hop = outcome.hop
    if hop is None or not hop.mutual or outcome.failure is not None:
        return "", ""
    return str(hop.mesh or ""), hop.client or ""


def _words(outcome: Outcome) -> str:
    return str(outcome)


def _end(outcome: Outcome, target: End) -> End:
    if outcome.external:
        return _outside(outcome.external)
    return _workload(outcome.backend) if outcome.backend else target


def _addressed(trace: Trace, depth: int = 0) -> End | None:
    """The last Service that the steps at a depth lead to."""
    led = (step.resource for step in reversed(trace) if not step.passed_over and step.depth == depth)
    service = next((each for each in led if each is not None and each.kind == "Service"), None)
    return End(kind="service", namespace=service.namespace, name=service.name) if service else None


def _source(workload: Workload) -> End:
    return _outside("outside") if workload == HOST else _workload(workload)


def _workload(workload: Workload) -> End:
    return End(kind="workload", namespace=workload.namespace, name=workload.name)


def _outside(name: str) -> End:
    return End(kind="outside", name=name)
