"""A whole suggestion: what is asked, what the model says in each stage, and where that is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.expectations import KINDS, Result
from harness.suggest import hops, ingress, policies, routes
from harness.suggest.question import Entry, Skipped, Topic, Unsaid, entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.translate import Finding
    from harness.suggest.estate import Estate
    from harness.suggest.question import Origin, Question
    from harness.suggest.stages import Reached

LIMIT = 20
"""Expectations of each topic; what is more isn't written, and told."""

_LEADING = (Topic.ROUTE, Topic.INGRESS, Topic.POLICY, Topic.HOP)
"""Topics whose questions come first about each object: beyond their limit objects aren't looked at."""

_WORDS = {Topic.DELAY: "delay", Topic.TIME_LIMIT: "limit"}


@dataclass(frozen=True)
class Item:
    """An expectation in its place, where it comes from, if that wasn't told before, and what it is about.

    `was` is the expectation of the stage before, where it changes, and `why`.
    """

    entry: Entry
    subject: str
    origins: tuple[Origin, ...]
    was: Entry | None = None
    why: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Suggestion:
    """What holds in every stage, what in each, and what couldn't be said."""

    always: tuple[Item, ...]
    stages: tuple[tuple[Item, ...], ...]
    left_out: tuple[str, ...]

    @property
    def entries(self) -> Iterator[Entry]:
        """All expectations."""
        return (one.entry for part in (self.always, *self.stages) for one in part)


@dataclass
class _Draft:
    """A suggestion while it is made."""

    always: list[Item] = field(default_factory=list)
    stages: list[list[Item]] = field(default_factory=list)
    left_out: dict[str, None] = field(default_factory=dict)
    names: dict[str, Entry] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    skipped: dict[str, Skipped] = field(default_factory=dict)


def suggest(
    estate: Estate, stages: Sequence[Reached], findings: Iterable[Finding] = (), *, limit: int = LIMIT
) -> Suggestion:
    """Returns the expectations that the model confirms, each in the stages in which it holds.

    `findings` are a translation's: they say why something changes. Of each topic there are `limit`
    questions at most, those of one topic in the order of the objects that they come from.
    """
    draft = _Draft(stages=[[] for _ in stages])
    told = tuple(findings)
    for ask in (routes.questions, ingress.questions, policies.questions, hops.questions):
        counted: dict[Topic, int] = {}
        for question in ask(estate):
            if isinstance(question, Skipped):
                draft.skipped.setdefault(question.what, question)
                continue
            draft.asked |= {f"{one.resource} {one.field}" for one in question.origins}
            counted[question.topic] = counted.get(question.topic, 0) + 1
            if counted[question.topic] <= limit:
                _add(draft, question, estate, stages, told)
                continue
            draft.left_out[f"{question.topic}: there are more than the {limit} that are written"] = None
            if question.topic in _LEADING:
                break
    everywhere = [one.entry for one in draft.always]
    return Suggestion(
        tuple(draft.always),
        tuple(tuple(one for one in items if one.entry not in everywhere) for items in draft.stages),
        # What one Service's callers don't come to may be reached by another way.
        (
            *draft.left_out,
            *(f"{one.what}: {one.why}" for one in draft.skipped.values() if one.what not in draft.asked),
        ),
    )


def _add(
    draft: _Draft,
    question: Question,
    estate: Estate,
    stages: Sequence[Reached],
    findings: tuple[Finding, ...],
) -> None:
    found: list[Entry | None] = []
    unsaid: dict[str, list[str]] = {}
    for stage in stages:
        try:
            found.append(_confirmed(question, estate, stage))
        except (Unsaid, HarnessError) as error:
            found.append(None)
            unsaid.setdefault(_line(error), []).append(stage.name)
    for why, names in unsaid.items():
        where = f", in {', '.join(names)}" if len(names) < len(stages) else ""
        draft.left_out[f"{question.subject} ({question.topic}{where}): {why}"] = None
    named = [one and _named(one, draft) for one in found]
    origins = tuple(
        replace(one, resource=estate.originals.get(one.resource.key, one.resource))
        for one in question.origins
    )
    subject = f"{question.subject} {_WORDS.get(question.topic, '')}{question.given}".strip()
    first = named[0]
    if first and all(one == first for one in named):
        if all(first != item.entry for item in draft.always):
            draft.always.append(Item(first, subject, origins))
        return
    before: Entry | None = None
    for items, one in zip(draft.stages, named, strict=True):
        if one is None:
            continue
        changed = before is not None and before != one
        was = before if changed and not _same_kind(question, before, one) else None
        because = tuple(finding for finding in findings if changed and _concerns(finding, question))
        if all(one != item.entry for item in items):
            items.append(Item(one, subject, () if before else origins, was, because if was else ()))
        before = one


def _confirmed(question: Question, estate: Estate, stage: Reached) -> Entry:
    """The expectation of what comes back in a stage; raises Unsaid if it isn't one that passes."""
    outcomes = stage.ground.provider.send(question.request, 1)
    made = entry(question, outcomes, estate.names)
    verdict = KINDS[made.kind].model_validate(made.fields).judge(stage.ground)
    if verdict.result is not Result.PASS:
        told = "; ".join((verdict.seen, *(line.partition("\n")[0] for line in verdict.evidence[-1:])))
        raise Unsaid(f"{made.kind} is {verdict.result}, {told}")
    return made


def _named(made: Entry, draft: _Draft) -> Entry:
    """The expectation with a name that no other has."""
    numbered = (made.name if number == 1 else f"{made.name} ({number})" for number in range(1, 10_000))
    return next(
        one
        for one in (replace(made, name=name) for name in numbered)
        if draft.names.setdefault(one.name, one) == one
    )


def _same_kind(question: Question, before: Entry | None, now: Entry) -> bool:
    """Whether a hop only changes the mesh that protects it, which is what a migration is for."""
    return (
        question.topic is Topic.HOP
        and before is not None
        and "mesh" in before.fields
        and "mesh" in now.fields
    )


def _concerns(finding: Finding, question: Question) -> bool:
    """Whether a finding is about the object that a question comes from, and the part of it."""
    return any(
        finding.origin.key == one.resource.key
        and (finding.field.startswith(one.field) or one.field.startswith(finding.field))
        for one in question.origins
    )


def _line(error: Exception) -> str:
    if isinstance(error, HarnessError):
        return f"{error.what}{f' ({error.why})' if error.why else ''}"
    return str(error)
