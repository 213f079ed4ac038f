"""Conditions as automata that run side by side: the shortest text that all take, or none, and so proven."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import interegular

from harness.analysis.explore.addresses import no_address
from harness.analysis.explore.decoding import DEAD, Decoding
from harness.analysis.explore.kinds import Kind, Undecided
from harness.analysis.explore.lists import AnyOf, AsOne, MoreThanOne, OnlyAscii
from harness.base.explored import (
    ASCII,
    BEYOND,
    DECODED,
    LOWER,
    Among,
    Asked,
    Change,
    InNetwork,
    Several,
    Some,
    Which,
)
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_STATES = 20_000
"""States of all automata together that are looked at, at most."""


class Automaton(Protocol):
    """What reads a text character by character."""

    @property
    def start(self) -> Any:
        """The state before a text."""

    def step(self, state: Any, character: str) -> Any:
        """Returns the state after a character."""

    def accepts(self, state: Any) -> bool:
        """Returns whether a text may end in a state."""


@dataclass(frozen=True)
class _Names:
    """Takes some texts, and what follows on them if it is `open` or begins with one of `behind`."""

    names: frozenset[str]
    open: bool = False
    behind: str = ""
    lower: bool = False
    start: str = ""

    def step(self, state: str, character: str) -> str:
        if state in self.names and (self.open or (self.behind and character == self.behind)):
            return f"{state}\1"
        if state.endswith("\1"):
            return state
        text = state + (character.lower() if self.lower else character)
        return text if any(name.startswith(text) for name in self.names) else DEAD

    def accepts(self, state: str) -> bool:
        return state.removesuffix("\1") in self.names


@dataclass(frozen=True)
class _Ending:
    """Takes texts with an ending; a state is how much of it is there."""

    end: str
    start: str = ""

    def step(self, state: str, character: str) -> str:
        text = state + character
        return next(text[at:] for at in range(len(text) + 1) if self.end.startswith(text[at:]))

    def accepts(self, state: str) -> bool:
        return state == self.end


@dataclass(frozen=True)
class _Expression:
    """Takes what a regular expression spans."""

    machine: Any

    @property
    def start(self) -> Any:
        return self.machine.initial

    def step(self, state: Any, character: str) -> Any:
        symbol = self.machine.alphabet[character]
        return self.machine.map.get(state, {}).get(symbol, DEAD)

    def accepts(self, state: Any) -> bool:
        return state in self.machine.finals


@dataclass(frozen=True)
class _Changed:
    """Takes a text whose change another automaton takes: of `name`s that begin with - or +, or end with +."""

    inner: Automaton
    name: str

    @property
    def start(self) -> Any:
        state = self.inner.start
        if self.name.startswith("-"):
            return len(self.name) - 1, state
        return self._after(state, self.name[1:]) if self.name.startswith("+") else state

    def _after(self, state: Any, text: str) -> Any:
        for character in text:
            state = self.inner.step(state, character)
        return state

    def step(self, state: Any, character: str) -> Any:
        if self.name.startswith("-"):
            left, inner = state
            return (left - 1, inner) if left else (0, self.inner.step(inner, character))
        return self.inner.step(state, character.lower() if self.name == LOWER.name else character)

    def accepts(self, state: Any) -> bool:
        if self.name.startswith("-"):
            left, state = state
            return not left and self.inner.accepts(state)
        if self.name.endswith("+"):
            state = self._after(state, self.name[:-1])
        return self.inner.accepts(state)


def _automaton(kind: Kind, condition: Asked) -> Automaton:
    machine = _reading(condition.test)
    for change in reversed(condition.changes):
        machine = Decoding(machine) if change == DECODED else _Changed(machine, change.name)
    return AsOne(machine) if kind.several and not isinstance(condition.test, Some | Several) else machine


def _reading(test: object) -> Automaton:
    if isinstance(test, Among):
        return _Names(test.names)
    if isinstance(test, Which):
        return _Names(test.names - test.apart)
    if isinstance(test, Some):
        return AnyOf(_reading(test.test), test.spaced)
    if test == ASCII:
        return OnlyAscii()
    if isinstance(test, Several):
        return MoreThanOne()
    assert isinstance(test, TextMatch)
    value = test.value.lower() if test.ignore_case else test.value
    match test.kind:
        case "regex":
            return _Expression(_machine(value))
        case "suffix":
            return _Ending(value)
        case "segments":
            return _Names(frozenset([value.rstrip("/")]), behind="/", lower=test.ignore_case)
        case "present":
            return _Names(frozenset([""]), open=True)
        case _:
            return _Names(frozenset([value]), open=test.kind == "prefix", lower=test.ignore_case)


@lru_cache(maxsize=1024)
def _machine(pattern: str) -> Any:
    try:
        whole = pattern.removeprefix("^").removesuffix("$")
        return interegular.parse_pattern(whole).to_fsm()
    except Exception as error:  # it has no error of its own for all that it can't read
        raise Undecided(f"which texts {pattern!r} takes") from error


def _is_exact(test: object) -> bool:
    """Whether its automaton takes what it does, and no more: not where an engine's first match counts."""
    test = test.test if isinstance(test, Some) else test
    if not isinstance(test, TextMatch) or test.kind != "regex" or test.dialect is Dialect.RE2:
        return True
    return re.search(r"\||[*+?}]\?", test.value) is None


_READABLE = (TextMatch, Which, Among, Some, Several)


def _is_opaque(change: Change) -> bool:
    if change in (LOWER, DECODED):
        return False
    return change.name[:1] not in "-+" and not change.name.endswith("+")


def searched(kind: Kind, conditions: Sequence[Asked], holds: Callable[[str], bool]) -> str | None:
    """A text that gets all answers; None where there is none."""
    if any(isinstance(each.test, InNetwork) for each in conditions) and no_address(conditions):
        return None
    readable = [each for each in conditions if isinstance(each.test, _READABLE) or each.test == ASCII]
    opaque: dict[tuple[Change, ...], list[Asked]] = {}
    plain: list[Asked] = []
    for condition in readable:
        last = max((at for at, change in enumerate(condition.changes) if _is_opaque(change)), default=-1) + 1
        rest = Asked(condition.attribute, condition.changes[last:], condition.test, condition.answer)
        (opaque.setdefault(condition.changes[:last], []) if last else plain).append(rest)
    for changes, behind in opaque.items():  # whatever a text is before: if none can come of it, there is none
        if shortest(Kind(absent=True, form=changes[-1].form), tuple(behind)) is None:
            return None
    text = shortest(kind, tuple(each for each in plain if each.answer or _is_exact(each.test)))
    if text is None or holds(text):
        return text
    raise Undecided(f"whether there is a text like {text!r} that a rule makes another of")


@lru_cache(maxsize=1 << 14)  # other callers' requests are made of the same questions
def shortest(kind: Kind, conditions: tuple[Asked, ...]) -> str | None:
    """Returns the shortest text that gets all answers; None where there is none.

    Raises Undecided where that isn't known.
    """
    machines = [
        (_automaton(kind, each), each.answer is not None and each.answer is not False) for each in conditions
    ]
    machines += [(_Expression(_machine(form)), True) for form in (kind.form, kind.made) if form]
    chosen = (each.answer for each in conditions if isinstance(each.answer, str))  # which of some names
    machines += [(_Names(frozenset([name])), True) for name in chosen]
    characters = _characters(kind, conditions)
    states = tuple(machine.start for machine, _ in machines)
    for character in kind.start:
        states = tuple(
            machine.step(state, character) for (machine, _), state in zip(machines, states, strict=True)
        )
    queue, seen = deque([(states, kind.start)]), {states}
    while queue:
        states, text = queue.popleft()
        ends = zip(machines, states, strict=True)
        if all(machine.accepts(state) is wanted for (machine, wanted), state in ends) and kind.takes(text):
            return text
        for character in characters:
            after = tuple(
                machine.step(state, character) for (machine, _), state in zip(machines, states, strict=True)
            )
            dead = any(wanted and state == DEAD for (_, wanted), state in zip(machines, after, strict=True))
            if not dead and after not in seen:
                seen.add(after)
                queue.append((after, text + character))
        if len(seen) > _STATES:
            raise Undecided("which texts all conditions take: there are too many")
    return None


def _characters(kind: Kind, conditions: Iterable[Asked]) -> str:
    """The characters that some condition tells apart, and a few others."""
    own = dict.fromkeys("hz0/")
    named: set[str] = set()
    own.update(dict.fromkeys(kind.several))
    for condition in conditions:
        test = condition.test.test if isinstance(condition.test, Some) else condition.test
        texts = (
            test.names
            if isinstance(test, Which | Among)
            else [test.value]
            if isinstance(test, TextMatch)
            else []
        )
        for text in texts:
            own.update(dict.fromkeys(text + text.upper() + text.lower()))
            if DECODED in condition.changes:
                own.update(dict.fromkeys("".join(DECODED.undo(text))))
        if isinstance(test, TextMatch) and test.kind == "regex":
            named.update(_named(test.value))
    named.update(_named(kind.form))
    own.update(dict.fromkeys(sorted(named)))
    # One that no expression names, for those that take all others.
    fresh = (
        each for each in f"{kind.characters}{BEYOND}" if each not in {*named, *own} and kind.allows(each)
    )
    own.update(dict.fromkeys(islice(fresh, 1)))
    return "".join(character for character in own if character == kind.several or kind.allows(character))


def _named(pattern: str) -> Iterable[str]:
    """The characters that an expression names."""
    return (each for each in _machine(pattern).alphabet if isinstance(each, str))
