"""A page of what opens, closes, moves and isn't decided between two configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.compare.causes import allowed
from harness.analysis.compare.harm import RANKS
from harness.base.listing import some
from harness.report.comparison import alike, by_harm, deciding, request_words, summary, turning
from harness.report.html.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.analysis.compare import Comparison, Difference
    from harness.report.comparison import Group
    from harness.traffic.trace import Step

TONES = {"opened": "fail", "undecided": "fail", "closed": "fail", "elsewhere": "inconclusive"}
"""How kinds of differences are coloured; those that aren't here are as the last but one."""

_NAMED = 12
"""Callers, and targets that differ alike, whose names are on the page."""


@dataclass(frozen=True)
class GroupView:
    """Differences that are alike, by the first of them."""

    first: Difference
    members: int
    example: str
    classes: int
    callers: str
    was: str
    now: str
    turning: tuple[tuple[Step, ...], tuple[Step, ...]]
    led: tuple[tuple[Step, ...], tuple[Step, ...]]
    also: str


def page(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns the HTML: the worst differences first, those that are accepted last."""
    worse = [(harm, RANKS[harm], tuple(map(_view, groups))) for harm, groups in by_harm(comparison, patterns)]
    accepted = alike(each for each in comparison.differences if allowed(each, patterns))
    return rendered(
        "comparison.html",
        kicker="Two configurations compared",
        headline=_headline(comparison, is_same=not worse),
        sums=[(tone(harm), f"{sum(view.members for view in groups)} {harm}") for harm, _, groups in worse],
        notes=[summary(comparison, patterns)],
        about="every answer is predicted by the model.",
        harms=worse,
        accepted=tuple(map(_view, accepted)),
        tone=tone,
    )


def tone(harm: str) -> str:
    """Returns the class of style for a kind of differences."""
    return TONES.get(harm, "inconclusive")


def _headline(comparison: Comparison, *, is_same: bool) -> str:
    if not is_same:
        return "Some requests are answered otherwise"
    if not comparison.classes:
        return "No request to a Service was decided"
    return "No difference but those accepted" if comparison.differences else "Every request is answered alike"


def _view(group: Group) -> GroupView:
    first = group[0]
    was, now = (side.described(first.parts) for side in (first.before, first.after))
    also = dict.fromkeys(each.target for each in group[1:] if each.target != first.target)
    led = first.traces
    return GroupView(
        first,
        len(group),
        request_words(first) if first.request else "",
        sum(each.classes for each in group),
        some(map(str, first.sources), _NAMED) if len(first.sources) else "",
        was,
        now,
        turning(first),
        (deciding(led[0]), deciding(led[1])),
        some(also, _NAMED) if also else "",
    )
