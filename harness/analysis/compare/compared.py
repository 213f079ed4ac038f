"""One target in two states: what differs there, for whom, and by which request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.difference import Difference, Traces
from harness.analysis.compare.pairs import header_values, is_idle, is_served, reads_hosts, singles
from harness.analysis.compare.without import Without
from harness.analysis.explore import exploration
from harness.analysis.explore.answers import WORDS, differ_anyhow, unlike
from harness.analysis.explore.client import asked_of
from harness.analysis.explore.kinds import Undecided
from harness.analysis.explore.requests import is_repeated, request
from harness.analysis.explore.sources import Roster, Sources
from harness.base.explored import ADDRESS
from harness.model.apps import explored as application
from harness.model.apps.explored import RESETS
from harness.model.network.services import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.explore.callers import Caller, Callers
    from harness.analysis.explore.exploration import Exploration, RequestClass
    from harness.analysis.explore.renaming import Renaming
    from harness.analysis.explore.requests import Cluster, Decided
    from harness.analysis.explore.target import Target
    from harness.base.explored import Asked, Test
    from harness.base.vocabulary import Workload
    from harness.model.state import Pod
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Sides:
    """Two states, those who call in both, and how many classes of requests an exploration finds at most.

    Where both are the `same`, what comes of a request is decided once: a decision looks at nothing else.
    """

    before: Cluster
    after: Cluster
    callers: Callers
    limit: int
    same: bool = False
    _traces: dict[object, Traces] = field(default_factory=dict, init=False)

    def explored(
        self, target: Target, caller: Caller | None, values: Mapping[str, Any] | None = None
    ) -> tuple[Exploration, Exploration]:
        """Returns the classes of a caller's requests to a target (None: from outside), before and after.

        The first that is decided has the values, or else the target's own.
        """
        pods = _pods(caller)
        before = self.before.explored(target, pods[0], self.limit, values=values)
        return before, before if self.same else self.after.explored(
            target, pods[1], self.limit, values=values
        )

    def decided(
        self, example: Request, caller: Caller | None, values: Mapping[str, Any]
    ) -> tuple[Decided, Decided]:
        """Returns what comes of a request whose application answers as values say, and why."""
        pods = _pods(caller)
        before = self.before.decided(example, values, pods[0])
        return before, self.after.decided(example, values, pods[1])

    def traces(self, difference: Difference) -> Traces:
        """Returns what decides on a difference's example: as on its twin's, if it has one."""
        states = self.before.state, self.after.state
        if difference.twin:
            twin, renaming = difference.twin
            sides = zip(self.traces(twin), states, strict=True)
            led, leads = (renaming.trace(steps, state) for steps, state in sides)
            if led is not None and leads is not None:
                return led, leads
        assert difference.request is not None
        caller = difference.caller and difference.caller.workload
        key = difference.request, caller, tuple(difference.values.items())
        if key not in self._traces:
            decided = self.decided(difference.request, difference.caller, difference.values)
            self._traces[key] = decided[0][1], decided[1][1]
        return self._traces[key]

    def classes(
        self,
        target: Target,
        caller: Caller | None,
        trees: tuple[Exploration, Exploration],
        values: Mapping[str, Any],
    ) -> tuple[RequestClass, RequestClass]:
        """Returns the classes of a request with these values, before and after: one explored, or its own."""
        pods = _pods(caller)
        was = trees[0].class_of(values) or self.before.run(target, pods[0], values)
        if self.same:
            return was, was
        return was, trees[1].class_of(values) or self.after.run(target, pods[1], values)

    def endpoints(self, target: Target) -> set[Workload]:
        """Returns the workloads that a target's Service selects, before or after."""
        if target.service is None:
            return set()
        states = self.before.state, self.after.state
        services = ((state, state.get(*target.service.key)) for state in states)
        return {pod.workload for state, service in services if service for pod in addresses(state, service)}


def _pods(caller: Caller | None) -> tuple[Pod | None, Pod | None]:
    """The pod of a caller, before and after; from outside there is none."""
    return (caller.before, caller.after) if caller else (None, None)


class Compared:
    """One target in both states: its classes counted, and the differences by how they differ.

    `asked` has what was asked of each attribute of the requests, `without` what they were decided without.
    """

    def __init__(self, sides: Sides, target: Target) -> None:
        self._sides, self._target = sides, target
        self._differences: dict[object, Difference] = {}
        self.asked: dict[str, dict[Test[object], None]] = {}
        self.without = Without()
        self.classes = 0
        if target.through is not None:
            trees = self._explored(None)
            self._compare(None, Sources(), trees)
            self._compare_grpc(None, Sources(), trees)
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
                sources = group.roster.some(alike)
                self._compare(caller, sources, trees, first=left == group.everyone)
                if left == group.everyone:
                    self._compare_grpc(caller, sources, trees)
                left &= ~alike
                questions.update(dict.fromkeys(chain.from_iterable(map(asked_of, trees))))
            for caller in group.strangers(questions):
                self._target = target.seen_from(caller.workload.namespace)
                sources = Roster((str(caller.workload),)).some(1)
                self._compare(caller, sources, self._explored(caller), first=False)

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
                target=twin.label + each.target.removeprefix(self._target.label),
                service=twin.service,
                caller=callers.renamed(each.caller, renaming) if each.caller else None,
            )
            for each in self.differences
        )

    def _explored(self, caller: Caller | None) -> tuple[Exploration, Exploration]:
        trees = self._sides.explored(self._target, caller)
        wider = self._target
        if wider.others and wider.apart and any(map(reads_hosts, trees)):
            wider = replace(wider, apart=False)  # servers themselves tell the hosts of others apart
        if wider.asks_for_ports(tree.questions for tree in trees):
            wider = replace(wider, with_ports=True)
        repeated = wider.asked_apart(chain.from_iterable(tree.classes for tree in trees))
        if repeated != wider.repeated:
            wider = replace(wider, repeated=repeated)
        if wider is self._target:
            return trees
        self._target = wider
        return self._sides.explored(wider, caller)

    def _compare(
        self,
        caller: Caller | None,
        sources: Sources,
        trees: tuple[Exploration, Exploration],
        *,
        first: bool = True,
    ) -> None:
        before, after = trees
        self.classes += len(before.classes) + len(after.classes)
        self.without.note(before.classes, after.classes)
        for tree in (before, after):
            for asked in tree.questions:
                self.asked.setdefault(asked.attribute, {})[asked.test] = None
        for why in dict.fromkeys((*before.untried, *after.untried)):
            self._leave_undecided(caller, why, sources)
        for was, now in exploration.unlike(before, after):
            if self._is_idle(was, now):
                continue
            try:
                for values in exploration.in_both(was, now, self._target.kind):
                    self._differ(caller, values, (was, now), sources)
            except Undecided as why:
                self._leave_undecided(caller, str(why), sources)
        resets = self._target.scheme in ("http", "grpc")  # others' answers aren't asked
        for values in singles(before, after, self._target.kind, first=first, resetting=resets):
            was, now = self._sides.classes(self._target, caller, (before, after), values)
            self.without.note((was,), (now,))
            if unlike(was.answers, now.answers) and not self._is_idle(was, now):
                self._differ(caller, values, (was, now), sources)

    def _is_idle(self, was: RequestClass, now: RequestClass) -> bool:
        """Whether it is no difference how a call fails.

        So it is where nobody says that this is spoken there, and, as the meshes themselves do otherwise,
        where a Service that moves hasn't the port, or speaks TLS at it.
        """
        target = self._target
        apart = (
            target.unlisted or (target.speaks_tls and not target.through)
        ) and self._sides.callers.is_moved
        return (apart or self._target.is_doubtful) and is_idle(was.answers, now.answers)

    def _compare_grpc(
        self, caller: Caller | None, sources: Sources, trees: tuple[Exploration, Exploration]
    ) -> None:
        """Compares gRPC calls to a port of HTTP, by what their statuses tell apart: one for each answer."""
        whole = self._target
        if whole.scheme != "http":
            return
        statuses = (application.GRPC_STATUS,)
        self._target = replace(whole, scheme="grpc", label=f"{whole.label} (grpc)", only=statuses)
        answered = {each.answers: each.values for tree in trees for each in tree.classes if is_served(each)}
        for values in answered.values():
            was, now = (tree.class_of(values) for tree in trees)
            if was is None or now is None or unlike(was.answers, now.answers) not in ((), (WORDS,)):
                continue  # that they differ is known
            calls = self._sides.explored(self._target, caller, {**values, "method": "POST"})
            self._compare(caller, sources, calls, first=False)
        self._target = whole

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
        strange = any(each.is_strange for each in classes)
        apart = (values["host"], strange or values["path"]) if any(each.aside for each in classes) else ()
        twice = self._sides.callers.is_moved and is_repeated(values)  # which the meshes account for
        key = (unlike(*explored), RESETS in values, apart, twice, *map(str, explored))
        if key in self._differences:
            self._add(key, self._differences[key], sources)
            return
        values = {**header_values(*classes), **values}
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
            is_unnamed=self._target.unnamed,
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
