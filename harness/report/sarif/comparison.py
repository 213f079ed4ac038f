"""Differences of two configurations, as SARIF, each at the field that decides now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.causes import allowed
from harness.analysis.compare.harm import RANKS
from harness.report.comparison import alike, deciding, described, turning
from harness.report.sarif.log import NOWHERE, Level, Result, Rule, log

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from harness.analysis.compare import Comparison
    from harness.base.places import Position
    from harness.report.comparison import Group
    from harness.traffic.trace import Step

_LEVELS = {
    "opened": Level.ERROR,
    "undecided": Level.ERROR,
    "closed": Level.ERROR,
    "elsewhere": Level.WARNING,
    "plaintext": Level.WARNING,
    "slower": Level.NOTE,
    "otherwise": Level.NOTE,
    "words": Level.NOTE,
}
_RULES = {harm: Rule(harm, _LEVELS[harm], f"{harm}: {words}") for harm, words in RANKS.items()}


def data(comparison: Comparison, patterns: Collection[str] = ()) -> dict[str, Any]:
    """Returns a log with a result for those alike, the worst first; those accepted are suppressed."""
    accepted = [allowed(each, patterns) for each in comparison.differences]
    results = []
    for suppressed in (False, True):
        told = zip(comparison.differences, accepted, strict=True)
        groups = alike(each for each, own in told if own is suppressed)
        results += [_result(group, suppressed=suppressed) for group in groups]
    order = list(RANKS)
    return log("compare", sorted(results, key=lambda each: order.index(each.rule.id)))


def _result(group: Group, *, suppressed: bool) -> Result:
    first = group[0]
    rule = _RULES[first.harm]
    places = list(_places(group))
    identity = f"{first.target} {first.parts} {first.request} {first.before} {first.after}"
    text = "\n".join(described(group))
    where = places[0][0] if places else NOWHERE
    related = tuple(places[1:])
    return Result(rule, rule.level, text, identity, first.target, where, related, suppressed)


def _places(group: Group) -> Iterator[tuple[Position, str]]:
    """What decides: that of one side alone first, then the rest; of no file but those that are there.

    One at a revision isn't of the tree that code scanning shows.
    """
    first = group[0]
    was, now = map(deciding, first.traces)
    told = [*_sides(*turning(first)), *_sides(was, now)]
    places = [(step.place.position, f"{side}: {step}") for side, step in told if step.place]
    if first.service:
        places.append((first.service.place().position, "the Service that is called"))
    for where, words in dict.fromkeys(places):
        if where.line and Path(where.source).is_file():
            yield where, words


def _sides(was: Iterable[Step], now: Iterable[Step]) -> Iterator[tuple[str, Step]]:
    yield from (("after", step) for step in now)
    yield from (("before", step) for step in was)
