"""A suggestion while it is made: what is asked, what the model says in each stage, where that is written."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import TYPE_CHECKING

from harness.analysis.explore.answers import WORDS
from harness.base.errors import HarnessError
from harness.expectations import KINDS, Result
from harness.suggest import hops, saying, wording
from harness.suggest.answers import ask
from harness.suggest.boundaries import Boundaries
from harness.suggest.gaps import Gaps, limited, uncovered, untried
from harness.suggest.probes import Probes, probed
from harness.suggest.question import Topic, Unsaid, concerns, is_moved_hop
from harness.suggest.suggestion import Item, Suggestion
from harness.suggest.targets import targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.translate import Finding
    from harness.base.explored import Asked
    from harness.suggest.answers import Answered, Change, Decider
    from harness.suggest.boundaries import Example
    from harness.suggest.estate import Estate
    from harness.suggest.question import Entry, Question
    from harness.suggest.stages import Reached
    from harness.suggest.targets import Target
    from harness.traffic.trace import Step

LIMIT = 20
"""Expectations of each topic; what is more isn't written, and counted."""

WORK = 200_000
"""Steps of decisions that are taken to find what differs; an estate that needs more is cut, and told."""

_LEAST = 1_000
"""Where no more work than that is left no further host is asked."""

APPLICATIONS = 30
"""Requests of which it is looked at how they fare where applications fail or are slow."""

_BACKEND = re.compile(r" from [^ ,]+")


def suggest(
    estate: Estate, stages: Sequence[Reached], findings: Iterable[Finding] = (), *, limit: int = LIMIT
) -> Suggestion:
    """Returns the expectations that the model confirms, each in the stages in which it holds.

    `findings` are a translation's: they say why something changes. Of each topic there are `limit`
    expectations at most.
    """
    draft = _Draft(estate, stages, tuple(findings), limit)
    boundaries = Boundaries(estate)
    for target in targets(estate):
        draft.explore(boundaries, target)
    draft.alternatives()
    for number, asked in enumerate(hops.questions(estate)):
        if draft.is_full(Topic.HOP, hops.number(estate) - number):
            break
        if isinstance(asked, tuple):
            draft.gaps.add(*asked)
        else:
            draft.add(asked)
    for workload in probed(estate):
        draft.add(workload)
    return draft.finished(tuple(boundaries.cut))


@dataclass(frozen=True)
class _Added:
    """What became of a question: the stages in which its expectation changes, and what none says, and why."""

    differing: set[int]
    unsaid: dict[str, str]
    cut: bool = False


@dataclass
class _Draft:
    """A suggestion while it is made: items that hold everywhere, those of each stage, what isn't covered."""

    estate: Estate
    stages: Sequence[Reached]
    findings: tuple[Finding, ...]
    limit: int
    always: list[Item] = field(default_factory=list)
    gaps: Gaps = field(default_factory=Gaps)
    _met: set[Decider] = field(default_factory=set)
    _alternatives: list[Answered] = field(default_factory=list)
    _aside: dict[str, str] = field(default_factory=dict)
    _answering: Counter[str] = field(default_factory=Counter)
    _work: int = 0
    _most: int = 0
    _targets: int = 0
    _unasked: list[str] = field(default_factory=list)
    _counted: Counter[Topic] = field(default_factory=Counter)
    _cut: Counter[Topic] = field(default_factory=Counter)
    _names: dict[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.items: list[list[Item]] = [[] for _ in self.stages]

    def explore(self, boundaries: Boundaries, target: Target) -> None:
        """Asks a target what the configuration may tell apart, and adds what decides and what changes."""
        changed: set[Change] = set()
        fulfilled: set[Asked] = set()
        self._targets += 1
        left = WORK - self._work - boundaries.work
        if left < _LEAST:
            self._unasked.append(target.name)
            return
        examples: list[Example] = []
        for example in boundaries.requests(target):
            examples.append(example)
            if WORK - self._work - boundaries.work < left / 2:  # others are asked, too
                boundaries.cut[target.place.label] = None
                break
        for example in sorted(examples, key=lambda example: example.plainness):
            if WORK - self._work - boundaries.work < left / 2:
                boundaries.cut[target.place.label] = None
                return
            if example.application:
                self._where(boundaries, example)
                continue
            aside = example.aside or not target.usual
            if aside and target.name != self._aside.setdefault("", target.name):
                self._aside[target.name] = target.name
                continue
            answered = ask(self.stages, target, example.request, signed=example.signed)
            self._work += answered.cost
            self._most = max(self._most, answered.cost)
            for problem in answered.problems:
                self.gaps.add(f"requests to {target.name}", problem)
            new = dict(answered.deciders(self.estate.configuration))
            counting = () if aside else new.items()
            deciders = [(decider, step) for decider, step in counting if self._counts(decider, answered)]
            changes = [change for change in answered.changes if change not in changed]
            changed.update(changes)
            if all(change.parts == (WORDS,) for change in changes):
                for change in changes:
                    self._note(f"{change.was} becomes {change.now}", "refusals in other words")
                changes = []
            self._met.update(decider for decider, _ in deciders)
            self._ask(answered, deciders, changes)
            fresh = not aside and not example.fulfils <= fulfilled
            self._alternatives += [answered] if fresh and not deciders and not changes else []
            if fresh and example.below and not example.signed:
                self._alternatives.append(ask(self.stages, target, example.below))
                self._work += self._alternatives[-1].cost
            fulfilled |= example.fulfils

    def alternatives(self) -> None:
        """Adds requests that fulfil what none before did: others of the conditions of rules that were met."""
        for answered in self._alternatives:
            deciders = answered.deciders(self.estate.configuration)
            shown = [pair for pair in deciders if pair[0].of_policy or not answered.denied]
            self._ask(answered, shown, ())

    def _where(self, boundaries: Boundaries, example: Example) -> None:
        """Notes what changes where applications answer otherwise than the scenario's."""
        self._answering[example.application] += 1
        if sum(self._answering.values()) <= APPLICATIONS:
            self._note(boundaries.decided(example), f"where the application {example.application}")

    def _note(self, change: str, where: str) -> None:
        """Adds a line on what changes alike for many requests, once."""
        if change:
            self.gaps.add(where, _BACKEND.sub("", change))

    def _counts(self, decider: Decider, answered: Answered) -> bool:
        """Whether a decider is to be shown: what is denied shows no route."""
        return decider not in self._met and (decider.of_policy or not answered.denied)

    def _ask(
        self, answered: Answered, deciders: Iterable[tuple[Decider, Step]], changes: Sequence[Change]
    ) -> None:
        shown: set[int] = set()
        unsaid: dict[str, str] = {}
        for question in wording.questions(self.estate, answered, deciders, changes):
            added = self._added(question)
            shown |= added.differing
            unsaid |= added.unsaid if changes or not added.cut else {}
        unseen = [change for change in changes if change.stage not in shown]
        for change in unseen:
            if not change.answered and not unsaid:  # one expectation says both
                self._note(f"{change.was} becomes {change.now}", "where nobody answers, in other words")
                continue
            where = self.stages[change.stage].name
            why = "; ".join((f"in stage {where} {change}", *dict.fromkeys(unsaid.values())))
            self.gaps.add(wording.plain(self.estate, answered), why)
        for title, why in unsaid.items() if not unseen else ():
            self.gaps.add(title, why)

    def add(self, question: Question | Probes) -> None:
        """Adds what the model says to a question in each stage, and why it can't."""
        added = self._added(question)
        for title, why in added.unsaid.items() if not added.cut else ():
            self.gaps.add(title, why)

    def is_full(self, topic: Topic, left: int) -> bool:
        """Whether there is no room for more of a topic; then those that are left are counted."""
        self._cut[topic] += left if self._counted[topic] >= self.limit else 0
        return self._counted[topic] >= self.limit

    def _added(self, question: Question | Probes) -> _Added:
        if self._counted[question.topic] >= self.limit:
            self._cut[question.topic] += 1
            title = f"{question.title} ({question.topic})"
            return _Added(set(), {title: f"more than the {self.limit} that are written (--limit)"}, cut=True)
        entries: list[Entry | None] = []
        unsaid: defaultdict[str, list[str]] = defaultdict(list)
        for stage in self.stages:
            try:
                entries.append(self._confirmed(question, stage))
            except HarnessError as error:
                entries.append(None)
                unsaid[error.brief].append(stage.name)
        if any(entries):
            self._counted[question.topic] += 1
            self._place(question, [made and self._named(made) for made in entries])
        pairs = enumerate(pairwise(entries), 1)
        reasons: dict[str, str] = {}
        for why, names in unsaid.items():
            where = f", in {', '.join(names)}" if len(names) < len(self.stages) else ""
            reasons[f"{question.title} ({question.topic}{where})"] = why
        both = ((index, was, now) for index, (was, now) in pairs if was and now)
        return _Added({index for index, was, now in both if was.says != now.says}, reasons)

    def _place(self, question: Question | Probes, named: Sequence[Entry | None]) -> None:
        """Puts expectations where they hold: everywhere, or in their stages."""
        originals = self.estate.originals
        origins = tuple(
            replace(origin, resource=originals[origin.resource.key])
            for origin in question.origins
            if origin.resource.key in originals  # what is translated stands in no file
        )
        first = named[0]
        if first and not first.outage and all(made == first for made in named):
            if all(first != item.entry for item in self.always):
                self.always.append(Item(first, question.title, origins))
            return
        before: Entry | None = None
        for items, now in zip(self.items, named, strict=True):
            if now is None:
                continue
            was = before if before != now and not is_moved_hop(question.topic, before, now) else None
            because = tuple(
                finding
                for finding in self.findings
                if was and concerns(finding, question.topic, question.origins)
            )
            if all(now != item.entry for item in items):
                items.append(Item(now, question.title, () if before else origins, was, because))
            before = now

    def _confirmed(self, question: Question | Probes, stage: Reached) -> Entry:
        """The expectation of what comes back in a stage; raises Unsaid if it isn't one that passes."""
        if isinstance(question, Probes):
            made = question.entry(stage)
        else:
            made = saying.entry(question, *stage.provider.answer(question.request), self.estate.names)
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

    def finished(self, bounded: Sequence[str]) -> Suggestion:
        """Returns the suggestion; `bounded` are targets with more classes of requests than were tried."""
        everywhere = [item.entry for item in self.always]
        lines = list(self.gaps.lines())
        lines += limited(self._cut, self.limit)
        if self._unasked:
            lines.append(untried("not asked at all, for the estate's size", self._unasked, self._targets))
        if elsewhere := len(self._aside) - 1 if self._aside else 0:
            lines.append(
                "Host headers that name another, paths not in normal form, bytes and TLS at ports for HTTP: "
                f"asked is {self._aside['']} alone, {elsewhere} more hosts are not"
            )
        if (more := sum(self._answering.values()) - APPLICATIONS) > 0:
            lines.append(f"where applications fail or are slow: {more} more requests than were looked at")
        if bounded:
            lines.append(untried("more classes of requests than were tried", bounded, self._targets))
        cut = bool(self._unasked or self._cut or bounded)
        lines += uncovered(self.estate, self._met, cut=cut)
        return Suggestion(
            tuple(self.always),
            tuple(tuple(item for item in items if item.entry not in everywhere) for items in self.items),
            tuple(lines),
            self._most,
        )
