"""Requests that the stages of a migration tell apart: what the explorer of their decisions finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from harness.analysis.explore import exploration
from harness.analysis.explore.callers import Callers
from harness.analysis.explore.client import asked_of
from harness.analysis.explore.kinds import Undecided
from harness.analysis.explore.requests import Cluster, is_signed, request
from harness.analysis.explore.target import Target as Place
from harness.base.matching import TextMatch
from harness.model.apps import explored as application

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.explore.callers import Caller
    from harness.analysis.explore.exploration import Exploration, RequestClass
    from harness.analysis.explore.kinds import Kind
    from harness.base.explored import Asked
    from harness.model.state import Pod
    from harness.suggest.estate import Estate
    from harness.suggest.targets import Target
    from harness.traffic.request import Request

CLASSES = 60
"""Classes of requests that one caller's requests to one target are told apart in, at most."""

PREFLIGHT = frozenset(("origin", "access-control-request-method"))
"""What browsers send ahead of a request of another site's page: few people write such a test."""

_TURNED = 60
"""Questions of one exploration of which another answer is tried."""

_QUESTIONS = 30_000
"""Questions that one exploration asks, about: where one request is asked many, fewer classes are found."""


@dataclass(frozen=True)
class Example:
    """A request, and how the application answers in it: at once, and well, if that says nothing."""

    request: Request
    values: Mapping[str, Any]
    aside: bool = False
    """Whether such requests fare alike at every target: another's Host, a path that isn't in normal form."""
    fulfils: frozenset[Asked] = frozenset()
    """The conditions on it that are fulfilled."""
    below: Request | None = None
    """The same with a path below the prefix that a rule wants: a rule for that path alone takes it not."""

    @property
    def signed(self) -> bool:
        """Whether it has a token that is stated to be signed: nobody has one that is."""
        return is_signed(self.values)

    @property
    def plainness(self) -> tuple[bool, int, int]:
        """What orders examples: the sooner a person would think of one, the less it is."""
        headers = [name.lower() for name, _ in self.request.headers if name.lower() != "host"]
        parts = len(headers) + bool(self.request.query)
        return self.aside, sum(name in PREFLIGHT for name in headers), parts

    @property
    def application(self) -> str:
        """How the application answers, in words."""
        return application.words(self.values)


@dataclass(frozen=True)
class _Class:
    """The values of a class's example, and what was asked to find it."""

    values: Mapping[str, Any]
    conditions: tuple[Asked, ...]
    aside: bool = False


@dataclass(frozen=True)
class _Bounded(Place):
    """A place of which no more than some questions are turned."""

    asked: Counter[str] = field(default_factory=Counter, compare=False)

    def kind(self, attribute: str) -> Kind | None:
        self.asked["turned"] += 1
        return super().kind(attribute) if self.asked["turned"] <= _TURNED else None


class Boundaries:
    """The first and the last stage, and who calls in them."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        first, last = estate.states[0], estate.states[-1]
        self._sides = Cluster(first), Cluster(last)
        self._callers = Callers(first, last)
        self.work = 0
        self.cut: dict[str, None] = {}
        """The targets that have more classes of requests than were found."""

    def requests(self, target: Target) -> Iterator[Example]:
        """Yields an example of each class of requests to a target, the plainest by the likeliest first."""
        seen: set[object] = set()
        for caller, each in self._classes(target):
            values = _answered(target, each)
            asked = self._seen(target, caller, values)
            key = asked, application.words(values)
            if key not in seen:
                seen.add(key)
                fulfils = frozenset(condition for condition in each.conditions if _is_fulfilled(condition))
                below = _below(values, each.conditions)
                deeper = self._seen(target, caller, below) if below else None
                yield Example(asked, values, each.aside, fulfils, deeper)

    def _seen(self, target: Target, caller: Caller | None, values: Mapping[str, Any]) -> Request:
        return target.seen(_single(request(target.place, caller, values)), self.estate)

    def _classes(self, target: Target) -> Iterator[tuple[Caller | None, _Class]]:
        if target.place.through is not None:
            yield from ((None, each) for each in self._told_apart(target.place, None)[1])
            return
        likely = self.estate.likely(target.place.service)
        for group in self._callers.groups:
            left = group.everyone
            while left:
                caller = min(group.named(left), key=lambda each: likely.get(each.workload, len(likely)))
                place = target.place.seen_from(caller.workload.namespace)
                trees, told_apart = self._told_apart(place, caller)
                yield from ((caller, each) for each in told_apart)
                alike = left & group.alike(*(asked_of(tree) for tree in trees))
                left &= ~(alike or left & -left)

    def _told_apart(
        self, place: Place, caller: Caller | None
    ) -> tuple[tuple[Exploration, Exploration], Iterator[_Class]]:
        pods = (caller.before, caller.after) if caller else (None, None)
        before, after = (self._explored(*each, place) for each in zip(self._sides, pods, strict=True))
        own = (_Class(c.values, c.conditions, c.aside) for tree in (before, after) for c in tree.classes)
        pairs = list(islice(exploration.unlike(before, after), CLASSES + 1))
        if len(pairs) > CLASSES:
            self.cut[place.label] = None
        return (before, after), chain(own, _differing(pairs[:CLASSES], place))

    def _explored(self, side: Cluster, pod: Pod | None, place: Place) -> Exploration:
        parts = {part.name: getattr(place, part.name) for part in fields(Place)}
        bounded = _Bounded(**parts)
        tree = side.explored(bounded, pod, CLASSES, _QUESTIONS)
        if bounded.asked["turned"] > _TURNED or tree.untried:
            self.cut[place.label] = None
        self.work += sum(len(each.conditions) for each in tree.classes)
        return tree

    def decided(self, example: Example) -> str:
        """Returns how an example fares in the first and the last stage, empty if alike."""
        was, now = (str(side.decided(example.request, example.values)[0]) for side in self._sides)
        return "" if was == now else f"{was} becomes {now}"


def _differing(pairs: Iterable[tuple[RequestClass, RequestClass]], place: Place) -> Iterator[_Class]:
    """The requests that are in two classes which answer differently."""
    for was, now in pairs:
        try:
            for values in exploration.in_both(was, now, place.kind):
                yield _Class(values, (*was.conditions, *now.conditions))
        except Undecided:  # an example of each side is there
            continue


def _is_fulfilled(condition: Asked) -> bool:
    """Whether a text is what a rule wants: what is only there, and each name of a Service, is no rule's."""
    wanted = isinstance(condition.test, TextMatch) and condition.test.kind != "present"
    return wanted and condition.answer is True and condition.attribute not in ("host", "sni")


def _begins(test: object) -> bool:
    return isinstance(test, TextMatch) and test.kind in ("prefix", "segments") and test.value not in ("", "/")


def _below(values: Mapping[str, Any], conditions: Iterable[Asked]) -> Mapping[str, Any] | None:
    """The values with a path that is longer, if a rule wants its beginning and all fare alike."""
    asked = [each for each in conditions if each.attribute == "path"]
    begun = any(_begins(each.test) for each in asked if each.answer is True)
    longer = f"{str(values['path']).rstrip('/')}/harness" if begun else ""
    return {**values, "path": longer} if longer and all(each.holds(longer) for each in asked) else None


def _single(asked: Request) -> Request:
    """The request with each header once, the last: a scenario writes them as a mapping."""
    headers = {name.lower(): (name, value) for name, value in asked.headers}
    return replace(asked, headers=tuple(headers.values()))


def _answered(target: Target, told_apart: _Class) -> Mapping[str, Any]:
    """The values with a path that the application answers, where that makes no difference."""
    asked = [each for each in told_apart.conditions if each.attribute == "path"]
    paths = () if told_apart.aside else target.paths
    fitting = (path for path in paths if all(each.holds(path) for each in asked))
    return {**told_apart.values, "path": next(fitting, told_apart.values["path"])}
