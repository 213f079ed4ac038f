"""A comparison of two configurations, as text, as JSON, and as Markdown for a review."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.causes import allowed
from harness.analysis.compare.harm import RANKS
from harness.base.listing import some
from harness.report import trace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from harness.analysis.compare import Comparison, Difference
    from harness.analysis.explore.answers import Answers
    from harness.traffic.trace import Step

_NAMED = 5
"""Targets that differ alike, of which the names are printed."""

_CALLERS = 20
"""Callers of one difference that JSON names; it counts them all."""

Group = list["Difference"]


def text(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns what is printed: what isn't accepted, the worst first and those alike as one, and the sum."""
    lines = []
    for harm, groups in by_harm(comparison, patterns):
        lines.append(f"{harm}: {RANKS[harm]}")
        lines += ["".join(f"  {line}\n" for line in described(group)) for group in groups]
    return "\n".join((*lines, summary(comparison, patterns))) + "\n"


def summary(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns the line with the sums."""
    unlike = [each for each in comparison.differences if not allowed(each, patterns)]
    counts = Counter(each.harm for each in unlike)
    kinds = ", ".join(f"{counts[harm]} {harm}" for harm in RANKS if counts[harm])
    accepted = len(comparison.differences) - len(unlike)
    count = f"{len(unlike)} difference" + ("" if len(unlike) == 1 else "s")
    more = f" ({kinds})" if kinds else ""
    return f"{comparison.classes} classes of requests decided: {count}{more}" + (
        f", {accepted} accepted" if accepted else ""
    )


def markdown(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns the differences as a comment for a review."""
    lines = [f"**{summary(comparison, patterns)}**", ""]
    for harm, groups in by_harm(comparison, patterns):
        lines += [f"### {harm}: {RANKS[harm]}", "", "| request | before | after |", "|---|---|---|"]
        for group in groups:
            first = group[0]
            request = _cell(f"`{request_words(first)}`" if first.request else first.target)
            more = f" (and {len(group) - 1} more like it)" if len(group) > 1 else ""
            was, now = (side.described(first.parts) for side in (first.before, first.after))
            lines.append(f"| {request}{more} | {_cell(was)} | {_cell(now)} |")
        lines.append("")
    return "\n".join(lines)


def data(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns the comparison as JSON."""
    plain: dict[str, Any] = {
        "classes": comparison.classes,
        "summary": summary(comparison, patterns),
        "differences": [
            {
                "target": difference.target,
                "harm": difference.harm,
                "parts": difference.parts,
                "accepted": allowed(difference, patterns),
                "classes": difference.classes,
                "callers": list(islice(difference.sources, _CALLERS)),
                "caller_count": len(difference.sources),
                "request": _request_data(difference),
                "application": difference.application,
                "before": _side(difference, difference.before, difference.traces[0]),
                "after": _side(difference, difference.after, difference.traces[1]),
            }
            for difference in comparison.differences
        ],
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def by_harm(comparison: Comparison, patterns: Collection[str]) -> Iterator[tuple[str, list[Group]]]:
    """Yields the kinds of differences that aren't accepted, the worst first, with groups of those alike."""
    groups = alike(each for each in comparison.differences if not allowed(each, patterns))
    for harm in RANKS:
        if own := [group for group in groups if group[0].harm == harm]:
            yield harm, own


def alike(differences: Iterable[Difference]) -> list[Group]:
    """Returns groups of those that are the same but for who answers."""
    groups: dict[object, Group] = {}
    for each in differences:
        sides = (
            (each.before, each.after) if each.request is None else map(_general, (each.before, each.after))
        )
        groups.setdefault((each.harm, each.parts, each.application, *map(str, sides)), []).append(each)
    return list(groups.values())


def _general(answers: Answers) -> Answers:
    """The answers without the names of who gave them."""
    shares = tuple((replace(answer, backend=""), weight) for answer, weight in answers.shares)
    return replace(answers, shares=shares)


def described(group: Group) -> Iterator[str]:
    """Yields the lines that tell of those alike: an example, what decides it, where else it is so."""
    first = replace(group[0], classes=sum(each.classes for each in group))
    yield from str(first).split("\n")
    if first.request is not None:
        for side, steps in zip(("before", "after"), first.traces, strict=True):
            yield from (f"  {side} by: {step}" for step in deciding(steps))
    targets = list(dict.fromkeys(each.target for each in group[1:] if each.target != first.target))
    if targets:
        yield f"  also at: {some(targets, _NAMED)}"


def deciding(steps: Collection[Step]) -> tuple[Step, ...]:
    """Returns what led to an answer: the steps that name an object and were taken."""
    return tuple(dict.fromkeys(step for step in steps if step.resource and not step.passed_over))


def turning(difference: Difference) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Returns, before and after, what led to the answer on that side alone."""
    was, now = map(deciding, difference.traces)
    words = [{(step.subject, step.field, step.text) for step in steps} for steps in (was, now)]
    return (
        tuple(step for step in was if (step.subject, step.field, step.text) not in words[1]),
        tuple(step for step in now if (step.subject, step.field, step.text) not in words[0]),
    )


def request_words(difference: Difference) -> str:
    """Returns the example of a difference that has one, with its headers."""
    assert difference.request is not None
    headers = "".join(f" -H '{name}: {value}'" for name, value in difference.request.headers)
    return f"{difference.request}{headers}"


def _request_data(difference: Difference) -> dict[str, Any] | None:
    request = difference.request
    if request is None:
        return None
    return {
        "from": str(request.source),
        "through": str(request.through) if request.through else None,
        "method": request.http_method,
        "url": request.url,
        "headers": dict(request.headers),
    }


def _side(difference: Difference, answers: Answers, steps: Collection[Step]) -> dict[str, Any]:
    return {
        "answer": answers.described(difference.parts),
        "arrivals": answers.arrival_words,
        "trace": list(dict.fromkeys(map(str, steps))),
        "steps": list(map(trace.data, steps)),
    }


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
