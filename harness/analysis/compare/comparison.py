"""Two states compared: every class of requests that one of them tells from others is decided in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.difference import Difference, Traces
from harness.analysis.compare.jobs import shared_out
from harness.analysis.explore import exploration
from harness.analysis.explore.answer import Answers, ComparedAnswer, differ_anyhow, unlike
from harness.analysis.explore.callers import Callers, asked_of, with_strangers
from harness.analysis.explore.exploration import LIMIT
from harness.analysis.explore.kinds import Undecided
from harness.analysis.explore.requests import Cluster, request
from harness.analysis.explore.targets import ADDRESS, targets
from harness.analysis.explore.texts import names_text
from harness.base.vocabulary import PLATFORM
from harness.model.apps import explored as application
from harness.model.apps.explored import RESETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.explore.callers import Caller
    from harness.analysis.explore.exploration import Exploration, RequestClass
    from harness.analysis.explore.requests import Decided
    from harness.analysis.explore.targets import Target
    from harness.base.explored import Asked
    from harness.base.resources import Resource
    from harness.manifests.files import Unread
    from harness.model import State
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Comparison:
    """What came of comparing: the differences, and how many classes of requests to Services both have."""

    differences: tuple[Difference, ...]
    classes: int


def compare(before: State, after: State, *, limit: int = LIMIT, jobs: int = 1) -> Comparison:
    """Returns where two configurations differ, over every class of requests that they can tell apart.

    Called is all that either has, by the estate's workloads, by callers that neither knows, one in each
    mesh and one outside, and from outside of the cluster. Applications are alike on both sides, and
    answer with each status and delay that a rule asks about. What isn't decided is a difference of its
    own kind. The targets are shared out to as many processes as there are `jobs`.
    """
    sides = Cluster(with_strangers(before)), Cluster(with_strangers(after))
    callers = Callers(sides[0].state, sides[1].state)
    called = list(targets(before, after))

    def part(number: int) -> Comparison:
        compared = [_Compared(*sides, callers, target, limit) for target in called[number::jobs]]
        differences = (difference for each in compared for difference in each.differences.values())
        own = (each for each in compared if each.target.service and not each.target.through)
        if jobs > 1:  # what is sent to another process brings its steps along
            differences = (replace(each, decided=partial(_as_they_are, each.traces)) for each in differences)
        return Comparison(tuple(differences), sum(each.classes for each in own))

    parts = shared_out(part, jobs)
    alone = [workload for workload in callers.alone if workload.namespace not in PLATFORM]
    text = "it is there on one side only: what it calls isn't compared"
    undecided = {str(each): each for state in (before, after) for each in state.undecided}
    return Comparison(
        (
            *(difference for each in parts for difference in each.differences),
            *(_undecided(str(workload), None, None, text) for workload in alone),
            *(_undecided(str(each.resource), None, None, words) for words, each in undecided.items()),
        ),
        sum(each.classes for each in parts),
    )


def _as_they_are(traces: Traces) -> Traces:
    return traces


def not_read(unread: Unread) -> Difference:
    """Returns the difference that a file is whose objects aren't known: it may hold any."""
    return _undecided(unread.path, None, None, f"{unread.path}: not read: {unread.why}")


def _undecided(target: str, service: Resource | None, caller: Caller | None, why: str) -> Difference:
    nothing = Answers(undecided=why)
    return Difference(target, ("undecided",), nothing, nothing, service, caller=caller)


class _Compared:
    """One target in both states: its classes counted, and the differences by how they differ."""

    def __init__(self, before: Cluster, after: Cluster, callers: Callers, target: Target, limit: int) -> None:
        self.sides, self.callers = (before, after), callers
        self.target, self.limit = target, limit
        self.differences: dict[object, Difference] = {}
        self.classes = 0
        if target.through is not None:
            self._compare(None, ())
            return
        for group in callers.groups:
            left = group.everyone
            questions: dict[Asked, None] = {}
            while left:
                caller = next(group.named(left))
                self.target = target.seen_from(caller.workload.namespace)
                trees = self._explored(caller)
                alike = left & group.alike(*(asked_of(tree) for tree in trees))
                names = tuple(str(each.workload) for each in group.named(alike))
                self._compare(caller, trees, names, first=left == group.everyone)
                left &= ~(alike or left & -left)
                questions.update(dict.fromkeys(chain.from_iterable(map(asked_of, trees))))
            for caller in group.strangers(questions):
                self.target = target.seen_from(caller.workload.namespace)
                self._compare(caller, self._explored(caller), (str(caller.workload),), first=False)

    def _explored(self, caller: Caller | None) -> tuple[Exploration, Exploration]:
        trees = self._trees(caller)
        wider = self.target
        if wider.others and wider.apart and any(map(_reads_hosts, trees)):
            wider = replace(wider, apart=False)  # servers themselves tell the hosts of others apart
        if wider.asks_for_ports(tree.questions for tree in trees):
            wider = replace(wider, with_ports=True)
        if wider is self.target:
            return trees
        self.target = wider
        return self._trees(caller)

    def _trees(self, caller: Caller | None) -> tuple[Exploration, Exploration]:
        (before, after), target, limit = self.sides, self.target, self.limit
        if caller is None:
            return before.explored(target, None, limit), after.explored(target, None, limit)
        return before.explored(target, caller.before, limit), after.explored(target, caller.after, limit)

    def _compare(
        self,
        caller: Caller | None,
        trees: tuple[Exploration, ...],
        sources: tuple[str, ...] = (),
        *,
        first: bool = True,
    ) -> None:
        before, after = trees or self._explored(caller)
        self.classes += len(before.classes) + len(after.classes)
        for why in dict.fromkeys((*before.untried, *after.untried)):
            self._leave_undecided(caller, why, sources)
        for was, now in exploration.unlike(before, after):
            if self.target.is_doubtful and _is_idle(was.answers, now.answers):
                continue
            try:
                for values in exploration.in_both(was, now, self.target.kind):
                    self._differ(caller, values, (was, now), sources)
            except Undecided as why:
                self._leave_undecided(caller, str(why), sources)
        pods = (caller.before, caller.after) if caller else (None, None)
        resets = self.target.scheme in ("http", "grpc")  # others' answers aren't asked
        for values in _apart(before, after, first=first, resetting=resets):
            each = [
                tree.class_of(values) or side.run(self.target, pod, values)
                for side, tree, pod in zip(self.sides, (before, after), pods, strict=True)
            ]
            alike = self.target.is_doubtful and _is_idle(each[0].answers, each[1].answers)
            if unlike(each[0].answers, each[1].answers) and not alike:
                self._differ(caller, values, (each[0], each[1]), sources)

    def _differ(
        self,
        caller: Caller | None,
        values: Mapping[str, Any],
        classes: tuple[RequestClass, RequestClass],
        sources: tuple[str, ...],
    ) -> None:
        """Notes the difference that requests with these values show."""
        explored = [each.answers for each in classes]
        # What stands for others, or is the application's doing, is never counted as one with what isn't.
        apart = (values["host"], values["path"]) if any(each.aside for each in classes) else ()
        key = (unlike(*explored), RESETS in values, apart, *map(str, explored))
        if key in self.differences:
            self._add(key, self.differences[key], sources)
            return
        values = {**_header_values(*classes), **values}
        was, now = (answers.filled(values) for answers in explored)
        if not differ_anyhow(*explored):  # a text that one side sets may be what the client sends
            for other in (values, *exploration.variations(values, *classes, self.target.kind)):
                (was, _), (now, _) = self._decided(request(self.target, caller, other), caller, other)
                if unlike(was, now):
                    values = other
                    break
            else:
                if exploration.pinned(classes) >= set(unlike(*explored)):
                    return  # there is one such text, and it is what the other side makes of it
                why = "decided otherwise than when it was explored"
                what = f"{request(self.target, caller, values)}: {why}"
                self._leave_undecided(caller, what, sources)
                return
        example, decide = request(self.target, caller, values), self._decided
        if not any(ADDRESS in each.by_attribute for each in classes):
            example = replace(example, address=None)

        def traces() -> Traces:
            (_, led), (_, leads) = decide(example, caller, values)
            return led, leads

        words = application.words(values)
        parts = unlike(was, now) or unlike(*explored)
        difference = Difference(
            self.target.label,
            parts,
            was,
            now,
            self.target.service,
            example,
            caller,
            words,
            sources=sources,
            is_aside=any(each.aside for each in classes) or values["host"] in self.target.others,
            is_moved=self.callers.is_moved,
            decided=traces,
        )
        self._add(key, difference, sources)

    def _decided(
        self, example: Request, caller: Caller | None, values: Mapping[str, Any]
    ) -> tuple[Decided, Decided]:
        before, after = self.sides
        pods = (caller.before, caller.after) if caller else (None, None)
        return before.decided(example, values, pods[0]), after.decided(example, values, pods[1])

    def _add(self, key: object, difference: Difference, sources: tuple[str, ...]) -> None:
        known = self.differences.get(key)
        if known is None:
            self.differences[key] = replace(difference, sources=sources)
        else:
            everybody = tuple(dict.fromkeys((*known.sources, *sources)))
            self.differences[key] = replace(known, classes=known.classes + 1, sources=everybody)

    def _leave_undecided(self, caller: Caller | None, why: str, sources: tuple[str, ...]) -> None:
        self._add(why, _undecided(self.target.label, self.target.service, caller, why), sources)


def _reads_hosts(tree: Exploration) -> bool:
    """Whether a rule looks at the text of the Host header: otherwise than a table of hosts does."""
    return any(names_text(asked) for each in tree.classes for asked in each.by_attribute.get("host", ()))


def _is_idle(before: Answers, after: Answers) -> bool:
    """Whether TLS where nobody says that it is spoken leads nowhere before and after.

    That is so where neither side decides it, for one reason; and where nobody answers, in whatever words.
    Nothing is lost by it: what isn't decided there is whether the application speaks TLS, and to which
    application it leads is decided by plain requests and bytes, too.
    """
    if before.undecided or after.undecided:
        return before == after
    return not any(_is_answer(answer) for side in (before, after) for answer, _ in side.shares)


def _is_answer(answer: ComparedAnswer) -> bool:
    return bool(answer.backend or answer.external or answer.status)


def _apart(
    before: Exploration, after: Exploration, *, first: bool, resetting: bool
) -> Iterator[Mapping[str, Any]]:
    """Yields requests that are decided by themselves, since others tell how those like them fare.

    By all callers: those aside, and those of a class whose answer's status matters, with an application that
    ends the connection. By the first of those whose proxies are set up alike: one more with such a one.
    """
    seen = []
    statuses = (application.STATUS, application.GRPC_STATUS)
    for tree in (before, after):
        for index, each in enumerate(tree.classes):
            resets = not each.aside and any(asked.attribute in statuses for asked in each.conditions)
            if (resetting and (resets or (first and not index))) or each.aside:
                values = each.values if each.aside else {**each.values, application.RESETS: True}
                own = {key: value for key, value in values.items() if not key.startswith("caller")}
                if own not in seen:
                    seen.append(own)
                    yield values


def _header_values(was: RequestClass, now: RequestClass) -> dict[str, str]:
    """A value for each header that one side alone takes away from what the client sends."""
    gone = [
        {name for answer, _ in each.answers.shares for name, value in answer.request_headers if not value}
        for each in (was, now)
    ]
    return {f"header {name}": "harness" for name in gone[0] ^ gone[1]}
