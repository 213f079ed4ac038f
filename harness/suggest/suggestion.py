"""A whole suggestion: what is asked, what the model says in each stage, and where that is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import count
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
        return (item.entry for part in (self.always, *self.stages) for item in part)


def nothing(stages: int) -> Suggestion:
    """Returns what a scenario of so many stages has before anything is asked."""
    return Suggestion((), ((),) * stages, ())


def suggest(
    estate: Estate, stages: Sequence[Reached], findings: Iterable[Finding] = (), *, limit: int = LIMIT
) -> Suggestion:
    """Returns the expectations that the model confirms, each in the stages in which it holds.

    `findings` are a translation's: they say why something changes. Of each topic there are `limit`
    questions at most, those of one topic in the order of the objects that they come from.
    """
    draft = _Draft(estate, stages, tuple(findings))
    origins: set[str] = set()
    skipped: dict[str, Skipped] = {}
    for ask in (routes.questions, ingress.questions, policies.questions, hops.questions):
        counted: Counter[Topic] = Counter()
        for question in ask(estate):
            if isinstance(question, Skipped):
                skipped.setdefault(question.what, question)
                continue
            origins |= {f"{origin.resource} {origin.field}" for origin in question.origins}
            counted[question.topic] += 1
            if counted[question.topic] <= limit:
                draft.add(question)
                continue
            draft.left_out[f"{question.topic}: there are more than the {limit} that are written"] = None
            if question.topic in _LEADING:
                break
    everywhere = [item.entry for item in draft.always]
    # What one Service's callers don't come to may be reached by another way.
    unasked = (f"{skip.what}: {skip.why}" for skip in skipped.values() if skip.what not in origins)
    return Suggestion(
        tuple(draft.always),
        tuple(tuple(item for item in items if item.entry not in everywhere) for items in draft.items),
        (*draft.left_out, *unasked),
    )


class _Draft:
    """A suggestion while it is made: items that hold everywhere, those of each stage, what is left out."""

    def __init__(self, estate: Estate, stages: Sequence[Reached], findings: tuple[Finding, ...]) -> None:
        self.estate, self.stages, self.findings = estate, stages, findings
        self.always: list[Item] = []
        self.items: list[list[Item]] = [[] for _ in stages]
        self.left_out: dict[str, None] = {}
        self._names: dict[str, Entry] = {}

    def add(self, question: Question) -> None:
        """Adds what the model says to a question in each stage, and why it can't."""
        entries: list[Entry | None] = []
        unsaid: defaultdict[str, list[str]] = defaultdict(list)
        for stage in self.stages:
            try:
                entries.append(self._confirmed(question, stage))
            except HarnessError as error:
                entries.append(None)
                unsaid[error.brief].append(stage.name)
        for why, names in unsaid.items():
            where = f", in {', '.join(names)}" if len(names) < len(self.stages) else ""
            self.left_out[f"{question.subject} ({question.topic}{where}): {why}"] = None
        named = [made and self._named(made) for made in entries]
        originals = self.estate.originals
        origins = tuple(
            replace(origin, resource=originals.get(origin.resource.key, origin.resource))
            for origin in question.origins
        )
        subject = f"{question.subject} {_WORDS.get(question.topic, '')}{question.given}".strip()
        first = named[0]
        if first and all(made == first for made in named):
            if all(first != item.entry for item in self.always):
                self.always.append(Item(first, subject, origins))
            return
        before: Entry | None = None
        for items, now in zip(self.items, named, strict=True):
            if now is None:
                continue
            was = before if before != now and not _same_kind(question, before, now) else None
            because = tuple(finding for finding in self.findings if was and _concerns(finding, question))
            if all(now != item.entry for item in items):
                items.append(Item(now, subject, () if before else origins, was, because))
            before = now

    def _confirmed(self, question: Question, stage: Reached) -> Entry:
        """The expectation of what comes back in a stage; raises Unsaid if it isn't one that passes."""
        outcomes = stage.ground.provider.send(question.request, 1)
        made = entry(question, outcomes, self.estate.names)
        verdict = KINDS[made.kind].model_validate(made.fields).judge(stage.ground)
        if verdict.result is not Result.PASS:
            words = "; ".join((verdict.seen, *(line.partition("\n")[0] for line in verdict.evidence[-1:])))
            raise Unsaid(f"{made.kind} is {verdict.result}, {words}")
        return made

    def _named(self, made: Entry) -> Entry:
        """The expectation with a name that no other has."""
        for number in count(1):
            named = replace(made, name=made.name if number == 1 else f"{made.name} ({number})")
            if self._names.setdefault(named.name, named) == named:
                break
        return named


def _same_kind(question: Question, before: Entry | None, now: Entry) -> bool:
    """Whether a hop only changes the mesh that protects it, which is what a migration is for."""
    meshes = before is not None and "mesh" in before.fields and "mesh" in now.fields
    return meshes and question.topic is Topic.HOP


def _concerns(finding: Finding, question: Question) -> bool:
    """Whether a finding is about the object that a question comes from, and the part of it."""
    return any(
        finding.origin is not None
        and finding.origin.key == origin.resource.key
        and (finding.field.startswith(origin.field) or origin.field.startswith(finding.field))
        for origin in question.origins
    )
