"""Every class of requests that a decision tells apart: found by turning, one by one, what it asked.

A run decides on one request and has a journal of what was asked of it. Each question, with those before
it, leads to a request that gets another answer, if there is one; that request is run, too, until no
question is left to turn (concolic execution). The classes don't overlap, and together they are all
requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Any

from harness.analysis.explore.kinds import Kind, Undecided
from harness.analysis.explore.texts import (
    alternatives,
    differing,
    fitting,
    fitting_few,
    literal,
    value_for,
)
from harness.base.explored import Measure, Property, Stays, Which
from harness.base.matching import TextMatch
from harness.model.apps.explored import RESETS
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness.analysis.explore.answers import Answers
    from harness.base.explored import Asked

Key = tuple[object, ...]

Pin = tuple[str, ...]
"""An attribute, and the names of how it was changed."""

ASIDE = 1_000_000
"""Stands for the number of questions of a class that is decided, and of which no question is turned."""

LIMIT = 2_000
"""Classes of requests that one exploration finds, at most."""


@dataclass(frozen=True)
class RequestClass:
    """Requests that are decided alike: what they answer when asked, an example, and what comes back."""

    conditions: tuple[Asked, ...]
    values: Mapping[str, Any]
    answers: Answers
    aside: bool = False
    """Whether none of its questions was turned."""
    _fitting: dict[str, frozenset[Any]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def is_strange(self) -> bool:
        """Whether a text has a form that a rule makes another of."""
        return any(isinstance(each.test, Stays) and not each.answer for each in self.conditions)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Returns whether a request by the same client gets all these answers when it is asked."""
        own = (each for each in self.conditions if not each.attribute.startswith("caller"))
        return all(each.holds(values.get(each.attribute)) for each in own)

    def fitting(self, attribute: str, kind: Kind) -> frozenset[Any]:
        """Returns which of the few values of an attribute get the answers of this class."""
        if attribute not in self._fitting:
            self._fitting[attribute] = frozenset(fitting_few(self.by_attribute.get(attribute, ()), kind.few))
        return self._fitting[attribute]

    @cached_property
    def by_question(self) -> dict[Key, object]:
        """The answers by what was asked of the request itself: its client may be another in another state."""
        own = (each for each in self.conditions if not each.attribute.startswith("caller"))
        return {_key(condition): condition.answer for condition in own}

    @cached_property
    def texts(self) -> dict[Pin, object]:
        """What attributes of the request itself are, as they were changed, where an answer says that."""
        pins = _pins(self.conditions).items()
        return {pin: self.conditions[at].answer for pin, at in pins if not pin[0].startswith("caller")}

    @cached_property
    def by_attribute(self) -> dict[str, list[Asked]]:
        """The conditions by the attribute that they are about."""
        return grouped((condition.attribute, condition) for condition in self.conditions)


@dataclass(frozen=True)
class Exploration:
    """All classes of requests of one kind; `untried` says of what it isn't known whether there are more."""

    classes: tuple[RequestClass, ...]
    untried: tuple[str, ...] = ()

    def class_of(self, values: Mapping[str, Any]) -> RequestClass | None:
        """Returns the class of a request; None if its application is of a kind that wasn't explored."""
        if RESETS in values:
            return None
        return next((each for each in self.classes if each.holds(values)), None)

    @property
    def questions(self) -> Iterator[Asked]:
        """All that was asked."""
        return chain.from_iterable(each.conditions for each in self.classes)

    @cached_property
    def by_answers(self) -> dict[Answers, list[RequestClass]]:
        """The classes by what comes back, without those aside."""
        return grouped((each.answers, each) for each in self.classes if not each.aside)


def explore(
    run: Callable[[Mapping[str, Any]], tuple[Answers, list[Asked]]],
    first: Mapping[str, Any],
    kinds: Callable[[str], Kind | None],
    limit: int = LIMIT,
    questions: int | None = None,
) -> Exploration:
    """Returns the classes of requests that a decision tells apart.

    `run` decides on the request that has these values, `first` are the first ones. `kinds` says what an
    attribute can be; None for one that isn't varied. There are `limit` classes at most; and two, or as many
    as take so many `questions`, if each takes as many as the first.
    """
    classes: list[RequestClass] = []
    untried: dict[str, None] = {}
    aside: set[tuple[str, object]] = set()
    waiting: list[tuple[Mapping[str, Any], int]] = [(first, 0)]
    while waiting:
        values, turned = waiting.pop()
        answers, journal = run(values)
        asked = _distinct(journal)
        classes.append(RequestClass(tuple(asked), values, answers, turned == ASIDE))
        if questions is not None and asked and len(classes) == 1:
            limit = max(2, min(limit, questions // len(asked)))
        if len(classes) >= limit:
            untried[f"more than {limit} classes of requests"] = None
            break
        left: dict[str, tuple[int, Sequence[Any]]] = {}
        pins = _pins(asked)
        for index in range(turned, len(asked)):
            question = asked[index]
            kind = kinds(question.attribute)
            if kind is None or (not kind.several and _is_settled(question, pins, index)):
                continue
            before = [each for each in asked[:index] if each.attribute == question.attribute]
            if _is_among_few(question, kind):
                seen, possible = left.get(question.attribute, (0, kind.few))
                possible = fitting_few(before[seen:], possible)
                left[question.attribute] = len(before), possible
                others = [
                    (replace(question, answer=question.answer_for(value)), value)
                    for value in differing(question, possible)
                ]
            else:
                others = list(_solved(kind, question, before, untried))
            for other, value in others:
                if not kind.is_aside(value, other):
                    waiting.append(({**values, question.attribute: value}, index + 1))
                    continue
                # Each of the few values aside is decided, and once.
                fit = (each for each in kind.aside if all(c.holds(each) for c in (*before, other)))
                for each in dict.fromkeys((value, *fit)):
                    if (question.attribute, each) not in aside:
                        aside.add((question.attribute, each))
                        waiting.append(({**values, question.attribute: each}, ASIDE))
    return Exploration(tuple(classes), tuple(untried))


def _is_among_few(question: Asked, kind: Kind) -> bool:
    """Whether what can get another answer is one of the few values of an attribute."""
    if isinstance(question.test, Which):
        return bool(kind.few)
    return kind.is_closed and isinstance(question.test, Property | Measure)


def _solved(
    kind: Kind, question: Asked, before: Sequence[Asked], untried: dict[str, None]
) -> Iterator[tuple[Asked, Any]]:
    """Yields each other answer that is possible, with a value; `untried` gets what isn't known."""
    for other in alternatives(kind, question, before):
        try:
            yield from ((other, value) for value in value_for(kind, [*before, other]))
        except Undecided as why:
            untried[f"{question.attribute}: {why}"] = None


def _distinct(journal: Iterable[Asked]) -> list[Asked]:
    first: dict[Key, Asked] = {}
    for asked in journal:
        first.setdefault(_key(asked), asked)
    return list(first.values())


def _pins(asked: Iterable[Asked]) -> dict[Pin, int]:
    """By attributes as they were changed: the first question whose answer says which text is there."""
    pins: dict[Pin, int] = {}
    for index, each in enumerate(asked):
        if isinstance(each.test, Which) and each.answer is not None:
            pins.setdefault((each.attribute, *(change.name for change in each.changes)), index)
    return pins


def _is_settled(question: Asked, pins: Mapping[Pin, int], index: int) -> bool:
    """Whether an earlier answer says which text it is that is asked about: no other answer is possible."""
    if not pins:
        return False
    names = [change.name for change in question.changes]
    counts = range(len(names) + 1)
    return any(pins.get((question.attribute, *names[:count]), index) < index for count in counts)


def _key(asked: Asked) -> Key:
    return asked.attribute, asked.changes, asked.test


def unlike(before: Exploration, after: Exploration) -> Iterator[tuple[RequestClass, RequestClass]]:
    """Yields the classes of either that answer differently, or that aren't decided."""
    if before is after:
        yield from ((each, each) for each in before.classes if each.answers.undecided and not each.aside)
        return
    alike = [tree.by_answers for tree in (before, after)]
    for answers, classes in alike[0].items():
        for theirs, others in alike[1].items():
            if answers != theirs or answers.undecided:
                yield from product(classes, others)


def in_both(
    before: RequestClass, after: RequestClass, kinds: Callable[[str], Kind | None]
) -> Iterator[Mapping[str, Any]]:
    """Yields the values of a request that is in both classes, if there is one.

    Raises Undecided where that isn't known.
    """
    if any(after.texts.get(pin, text) != text for pin, text in before.texts.items()):
        return
    theirs = after.by_question
    for key, answer in before.by_question.items():
        if key in theirs and theirs[key] != answer:
            return
    values = {**before.values}
    for attribute, conditions in after.by_attribute.items():
        kind = kinds(attribute)
        if kind is None:
            continue
        likely = (after.values.get(attribute), before.values.get(attribute))
        if kind.is_closed:
            both = before.fitting(attribute, kind) & after.fitting(attribute, kind)
            if not both:
                return
            values[attribute] = next(value for value in (*likely, *kind.few) if value in both)
            continue
        own = before.by_attribute.get(attribute, [])
        solved = value_for(kind, list(dict.fromkeys((*own, *conditions))), likely)
        if not solved:
            return
        values[attribute] = solved[0]
    yield values


_VARIATIONS = 4
"""Other values of one attribute that are tried."""


def variations(
    values: Mapping[str, Any], before: RequestClass, after: RequestClass, kinds: Callable[[str], Kind | None]
) -> Iterator[Mapping[str, Any]]:
    """Yields other requests of both classes: each has another value of one attribute."""
    for attribute in values:
        kind = kinds(attribute)
        if kind is not None:
            conditions = [*before.by_attribute.get(attribute, []), *after.by_attribute.get(attribute, [])]
            others = (each for each in fitting(kind, conditions) if each != values[attribute])
            yield from ({**values, attribute: other} for other in islice(others, _VARIATIONS))


def pinned(classes: Iterable[RequestClass]) -> set[str]:
    """Returns the attributes that have one value alone in all of these classes together."""
    return {
        condition.attribute
        for each in classes
        for condition in each.conditions
        if isinstance(test := literal(condition.test), TextMatch) and test.kind == "exact"
        if condition.answer is True and not test.ignore_case
        # What stands before or behind is known, too.
        if all(change.name[:1] in "-+" or change.name.endswith("+") for change in condition.changes)
    }
