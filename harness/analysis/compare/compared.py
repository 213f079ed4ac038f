"""One target in two states: what differs there, for whom, and by which request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.difference import Difference
from harness.analysis.explore import exploration
from harness.analysis.explore.answer import Answers, ComparedAnswer, differ_anyhow, unlike
from harness.analysis.explore.callers import asked_of
from harness.analysis.explore.kinds import Undecided
from harness.analysis.explore.requests import request
from harness.analysis.explore.sources import Roster, Sources
from harness.analysis.explore.targets import ADDRESS
from harness.analysis.explore.texts import names_text
from harness.model.apps import explored as application
from harness.model.apps.explored import RESETS
from harness.model.network.services import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.explore.callers import Caller, Callers
    from harness.analysis.explore.exploration import Exploration, RequestClass
    from harness.analysis.explore.renaming import Renaming
    from harness.analysis.explore.requests import Cluster, Decided
    from harness.analysis.explore.targets import Target
    from harness.base.explored import Asked, Test
    from harness.base.vocabulary import Workload
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Sides:
    """Two states, those who call in both, and how many classes of requests an exploration finds at most."""

    before: Cluster
    after: Cluster
    callers: Callers
    limit: int

    def explored(self, target: Target, caller: Caller | None) -> tuple[Exploration, Exploration]:
        """Returns the classes of a caller's requests to a target (None: from outside), before and after."""
        pods = (caller.before, caller.after) if caller else (None, None)
        before = self.before.explored(target, pods[0], self.limit)
        return before, self.after.explored(target, pods[1], self.limit)

    def decided(
        self, example: Request, caller: Caller | None, values: Mapping[str, Any]
    ) -> tuple[Decided, Decided]:
        """Returns what comes of a request whose application answers as values say, and why."""
        pods = (caller.before, caller.after) if caller else (None, None)
        before = self.before.decided(example, values, pods[0])
        return before, self.after.decided(example, values, pods[1])

    def classes(
        self,
        target: Target,
        caller: Caller | None,
        trees: tuple[Exploration, Exploration],
        values: Mapping[str, Any],
    ) -> tuple[RequestClass, RequestClass]:
        """Returns the classes of a request with these values, before and after: one explored, or its own."""
        pods = (caller.before, caller.after) if caller else (None, None)
        was, now = (tree.class_of(values) for tree in trees)
        return (
            was or self.before.run(target, pods[0], values),
            now or self.after.run(target, pods[1], values),
        )

    def endpoints(self, target: Target) -> set[Workload]:
        """Returns the workloads that a target's Service selects, before or after."""
        if target.service is None:
            return set()
        states = self.before.state, self.after.state
        services = ((state, state.get(*target.service.key)) for state in states)
        return {pod.workload for state, service in services if service for pod in addresses(state, service)}


class Compared:
    """One target in both states: its classes counted, and the differences by how they differ.

    `asked` has what was asked of each attribute of the requests.
    """

    def __init__(self, sides: Sides, target: Target) -> None:
        self._sides, self._target = sides, target
        self._differences: dict[object, Difference] = {}
        self.asked: dict[str, dict[Test[object], None]] = {}
        self.classes = 0
        if target.through is not None:
            self._compare(None, Sources())
            return
        own = sides.endpoints(target)
        for group in sides.callers.groups:
            left = group.everyone
            near = group.near(target.service.namespace, own) if target.service else ()
            questions: dict[Asked, None] = {}
            while left:
                first = next(filter(None, (left & those for those in near)), left)
                caller = next(group.named(first))
                self._target = target.seen_from(caller.workload.namespace)
                trees = self._explored(caller)
                alike = left & group.alike(*map(asked_of, trees)) or first & -first
                self._compare(caller, group.roster.some(alike), trees, first=left == group.everyone)
                left &= ~alike
                questions.update(dict.fromkeys(chain.from_iterable(map(asked_of, trees))))
            for caller in group.strangers(questions):
                self._target = target.seen_from(caller.workload.namespace)
                self._compare(caller, Roster((str(caller.workload),)).some(1), first=False)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The differences, each once."""
        return tuple(self._differences.values())

    @property
    def counted(self) -> int:
        """How many classes of requests count: those to a Service by the estate's own clients."""
        return self.classes if self._target.service and not self._target.through else 0

    def renamed(self, renaming: Renaming, twin: Target) -> tuple[Difference, ...]:
        """Returns the differences of a target that is the same but for names."""
        callers = self._sides.callers
        return tuple(
            replace(
                each.renamed(renaming),
                target=twin.label,
                service=twin.service,
                caller=callers.renamed(each.caller, renaming) if each.caller else None,
            )
            for each in self.differences
        )

    def _explored(self, caller: Caller | None) -> tuple[Exploration, Exploration]:
        trees = self._sides.explored(self._target, caller)
        wider = self._target
        if wider.others and wider.apart and any(map(_reads_hosts, trees)):
            wider = replace(wider, apart=False)  # servers themselves tell the hosts of others apart
        if wider.asks_for_ports(tree.questions for tree in trees):
            wider = replace(wider, with_ports=True)
        if wider is self._target:
            return trees
        self._target = wider
        return self._sides.explored(wider, caller)

    def _compare(
        self,
        caller: Caller | None,
        sources: Sources,
        trees: tuple[Exploration, ...] = (),
        *,
        first: bool = True,
    ) -> None:
        before, after = trees or self._explored(caller)
        self.classes += len(before.classes) + len(after.classes)
        for tree in (before, after):
            for asked in chain.from_iterable(each.conditions for each in tree.classes):
                self.asked.setdefault(asked.attribute, {})[asked.test] = None
        for why in dict.fromkeys((*before.untried, *after.untried)):
            self._leave_undecided(caller, why, sources)
        for was, now in exploration.unlike(before, after):
            if self._target.is_doubtful and _is_idle(was.answers, now.answers):
                continue
            try:
                for values in exploration.in_both(was, now, self._target.kind):
                    self._differ(caller, values, (was, now), sources)
            except Undecided as why:
                self._leave_undecided(caller, str(why), sources)
        resets = self._target.scheme in ("http", "grpc")  # others' answers aren't asked
        for values in _apart(before, after, first=first, resetting=resets):
            was, now = self._sides.classes(self._target, caller, (before, after), values)
            alike = self._target.is_doubtful and _is_idle(was.answers, now.answers)
            if unlike(was.answers, now.answers) and not alike:
                self._differ(caller, values, (was, now), sources)

    def _differ(
        self,
        caller: Caller | None,
        values: Mapping[str, Any],
        classes: tuple[RequestClass, RequestClass],
        sources: Sources,
    ) -> None:
        """Notes the difference that requests with these values show."""
        explored = [each.answers for each in classes]
        # What stands for others, or is the application's doing, is never counted as one with what isn't.
        apart = (values["host"], values["path"]) if any(each.aside for each in classes) else ()
        key = (unlike(*explored), RESETS in values, apart, *map(str, explored))
        if key in self._differences:
            self._add(key, self._differences[key], sources)
            return
        values = {**_header_values(*classes), **values}
        was, now = (answers.filled(values) for answers in explored)
        if not differ_anyhow(*explored):  # a text that one side sets may be what the client sends
            for other in (values, *exploration.variations(values, *classes, self._target.kind)):
                example = request(self._target, caller, other)
                (was, _), (now, _) = self._sides.decided(example, caller, other)
                if unlike(was, now):
                    values = other
                    break
            else:
                if exploration.pinned(classes) >= set(unlike(*explored)):
                    return  # there is one such text, and it is what the other side makes of it
                why = "decided otherwise than when it was explored"
                self._leave_undecided(caller, f"{request(self._target, caller, values)}: {why}", sources)
                return
        example = request(self._target, caller, values)
        if not any(ADDRESS in each.by_attribute for each in classes):
            example = replace(example, address=None)
        difference = Difference(
            self._target.label,
            unlike(was, now) or unlike(*explored),
            was,
            now,
            self._target.service,
            example,
            caller,
            {name: values[name] for name in application.ATTRIBUTES if name in values},
            sources=sources,
            is_aside=any(each.aside for each in classes) or values["host"] in self._target.others,
            is_moved=self._sides.callers.is_moved,
        )
        self._add(key, difference, sources)

    def _add(self, key: object, difference: Difference, sources: Sources) -> None:
        known = self._differences.get(key)
        self._differences[key] = (
            replace(known, classes=known.classes + 1, sources=known.sources | sources)
            if known
            else difference
        )

    def _leave_undecided(self, caller: Caller | None, why: str, sources: Sources) -> None:
        difference = Difference.undecided(self._target.label, why, self._target.service, caller, sources)
        self._add(why, difference, sources)


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
