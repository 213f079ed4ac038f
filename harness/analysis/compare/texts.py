"""Texts that fulfil conditions: one is made, or it is proven that there is none.

Most are made of the conditions' own words. Where none of those fits, the conditions are read as automata that run
side by side, and what all of them take is searched; regular expressions become automata by interegular.
"""

from __future__ import annotations

import re
import string
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Any, Protocol

import interegular

from harness.analysis.taken_texts import taken
from harness.base.errors import NotModelledError
from harness.base.explored import LOWER, Asked, Change, Stays, Which
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_STATES = 20_000
"""States of all automata together that are looked at, at most."""

_FRESH = ("harness", "h", "zq0")
"""Words that no condition is likely to have."""

VISIBLE = string.ascii_letters + string.digits + "-_./:@,;=+*!~$'()[]{}<>|^%&?#\\\"` "


@dataclass(frozen=True)
class Kind:
    """What an attribute can be: one of `few` values, or a text that is `made` of some characters.

    `form` is an expression for all that it can be. `usual` are texts that are tried first. `absent`: it needn't be there. Of those `aside` one request is enough.
    """

    few: tuple[Any, ...] = ()
    usual: tuple[str, ...] = ()
    characters: str = VISIBLE
    start: str = ""
    absent: bool = False
    form: str = ""
    aside: tuple[Any, ...] = ()

    def is_aside(self, value: object, question: Asked) -> bool:
        """Returns whether one request with a value is enough: another place is where the rest is decided."""
        if isinstance(question.test, Stays):
            return not question.answer
        return value in self.aside or (bool(self.aside) and question.answer is None)

    def takes(self, value: object) -> bool:
        """Returns whether a value is one of the attribute's."""
        if self.few:
            return value in self.few
        if not isinstance(value, str):
            return value is None and self.absent
        if self.form and not TextMatch("regex", self.form).holds(value):
            return False
        fits = value.startswith(self.start) and value == value.strip() and bool(value or self.absent)
        return fits and all(character in self.characters for character in value)


class Undecided(Exception):  # noqa: N818
    """Whether there is a value isn't known."""


def value_for(kind: Kind, conditions: Sequence[Asked], first: Iterable[object] = ()) -> list[Any]:
    """Returns a value that gets all of these answers (as a list of one), or none where there is none.

    Those of `first` are tried first. Raises Undecided where neither is known.
    """
    exact = next((each for each in conditions if _says(each, "exact") and not each.changes), None)
    if exact is not None and isinstance(exact.test, TextMatch) and not exact.test.ignore_case:
        value = exact.test.value
        return [value] if kind.takes(value) and _holds(conditions, value) else []
    if any(contradict(*pair) for pair in combinations(conditions, 2)):
        return []
    tried: set[object] = set()
    for value in (*first, *_candidates(kind, conditions)):
        if value in tried or not kind.takes(value):
            continue
        tried.add(value)
        if _holds(conditions, value):
            return [value]
    if kind.few:
        return []
    text = _searched(kind, conditions)
    return [] if text is None else [text]


def fitting(kind: Kind, conditions: Sequence[Asked]) -> Iterator[Any]:
    """Yields values that get all of these answers: those that are easily made."""
    for value in dict.fromkeys(_candidates(kind, conditions)):
        if kind.takes(value) and _holds(conditions, value):
            yield value


def contradict(one: Asked, other: Asked) -> bool:
    """Returns whether no text gets both answers, as far as the words of both show that."""
    first, second = _literal(one.test), _literal(other.test)
    if not (isinstance(first, TextMatch) and isinstance(second, TextMatch)) or one.changes != other.changes:
        return False
    if first.ignore_case or second.ignore_case or "regex" in (first.kind, second.kind):
        return False
    if one.answer is not True:
        one, other, first, second = other, one, second, first
    if one.answer is not True:
        return False
    if other.answer is not True:
        return _implies(first, second)
    if "suffix" in (first.kind, second.kind) or "present" in (first.kind, second.kind):
        return False
    longer, shorter = sorted((first, second), key=lambda test: len(test.value), reverse=True)
    if (longer.kind == "segments" and shorter.kind == "exact") or (
        longer.kind == "prefix" and shorter.kind == "exact"
    ):
        return not longer.holds(shorter.value)
    return not shorter.holds(longer.value)


_WORDS = re.compile(r"\^?((?:[^\\.+*?()|\[\]{}^$]|\\[^\w])*)(\.\*)?\$?")


def _literal(test: object) -> object:
    """The same test without an expression, where that is one text, or the beginning of one."""
    return _without_signs(test) if isinstance(test, TextMatch) and test.kind == "regex" else test


@lru_cache(maxsize=1 << 14)
def _without_signs(test: TextMatch) -> TextMatch:
    words = _WORDS.fullmatch(test.value)
    if words is None:
        return test
    return TextMatch("prefix" if words[2] else "exact", re.sub(r"\\(.)", r"\1", words[1]))


def _implies(first: TextMatch, second: TextMatch) -> bool:
    """Whether every text that one takes the other takes, too."""
    if first == second or second.kind == "present":
        return True
    match first.kind:
        case "exact":
            return second.holds(first.value)
        case "prefix" | "segments":
            if second.kind == "prefix":
                return first.value.rstrip("/" if first.kind == "segments" else "").startswith(second.value)
            if second.kind == "segments" and first.kind == "segments":
                return second.holds(first.value)
            return second.kind == "segments" and first.value.startswith(second.value.rstrip("/") + "/")
        case _:
            return False


def alternatives(kind: Kind, question: Asked, before: Sequence[Asked]) -> list[Asked]:
    """Returns the question with each other answer that it may get after others."""
    test = question.test
    if isinstance(test, TextMatch):
        return [_answered(question, not question.answer)]
    if isinstance(test, Stays) and test.examples:
        return [_answered(question, answer=False)] if question.answer and not question.changes else []
    if isinstance(test, Which) and not kind.few:
        names = (None, *sorted(test.names - test.apart))
        return [_answered(question, name) for name in names if name != question.answer]
    answers: list[object] = []
    for value in _candidates(kind, [*before, question]):
        if kind.takes(value) and _holds(before, value):
            answer = question.answer_for(value)
            if answer != question.answer and answer not in answers:
                answers.append(answer)
    return [_answered(question, answer) for answer in answers]


def _answered(question: Asked, answer: object) -> Asked:
    return Asked(question.attribute, question.changes, question.test, answer)


def _holds(conditions: Iterable[Asked], value: object) -> bool:
    try:
        return all(condition.holds(value) for condition in conditions)
    except NotModelledError:
        return False


def _candidates(kind: Kind, conditions: Sequence[Asked]) -> Iterator[Any]:
    """Values that are likely to get the answers that are wanted."""
    if kind.few:
        yield from kind.few
        return
    if kind.absent:
        yield None
    yield from kind.usual
    for condition in reversed(conditions):
        for text in _around(condition):
            yield from _undone(text, condition.changes)
    starts = [_told(condition) for condition in conditions if _says(condition, "prefix", "segments")]
    ends = [_told(condition) for condition in conditions if _says(condition, "suffix")]
    start = max((text for text in starts if text is not None), key=len, default=kind.start)
    for end in ends:
        yield from (f"{start}{end}", f"{start}/{_FRESH[0]}{end}", f"{start}{_FRESH[0]}{end}")
        for overlap in range(1, min(len(start), len(end or "")) + 1):
            if end and start.endswith(end[:overlap]):
                yield start + end[overlap:]
    for word in _FRESH:
        yield from (f"{start}{word}", f"{start}/{word}", f"{start}/{word}/{word}", f"{word}{start}")


def _says(condition: Asked, *kinds: str) -> bool:
    test = condition.test
    return isinstance(test, TextMatch) and test.kind in kinds and condition.answer is True


def _told(condition: Asked) -> str | None:
    """The beginning or end that a condition wants of the attribute itself, if its changes let that be said."""
    assert isinstance(condition.test, TextMatch)
    return next(iter(_undone(condition.test.value, condition.changes)), None)


def _undone(text: str | None, changes: Sequence[Change]) -> Iterator[str | None]:
    if not changes or text is None:
        yield text
        return
    for before in changes[-1].undo(text):
        yield from _undone(before, changes[:-1])


def _around(condition: Asked) -> Iterator[str | None]:
    """Texts that fulfil a condition, and some that just don't."""
    test = condition.test
    if isinstance(test, Stays):
        yield from test.examples
    elif isinstance(test, Which):
        yield from (condition.answer,) if isinstance(condition.answer, str) else ()
    elif isinstance(test, TextMatch):
        value, word = test.value, _FRESH[0]
        match test.kind:
            case "present":
                yield word
            case "regex":
                for text in taken(value):
                    yield from (text, f"/{text}", f"{text}/{word}", f"{text}{word}")
            case "suffix":
                yield from (value, f"{word}{value}", f"/{word}{value}", f"{value}{word}")
            case _:
                stem = value.rstrip("/")
                yield from (
                    value,
                    f"{stem}/{word}",
                    f"{value}{word}",
                    stem,
                    f"{stem}/",
                    stem.rpartition("/")[0],
                )
                if test.ignore_case:
                    yield from (value.upper(), value.lower(), value.swapcase())


# --- what no word of the conditions gives

_DEAD = "\0"
"""The state of what can't be taken any more."""


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
        return text if any(name.startswith(text) for name in self.names) else _DEAD

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
        return self.machine.map.get(state, {}).get(symbol, _DEAD)

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


def _automaton(condition: Asked) -> Automaton:
    machine = _reading(condition.test)
    for change in reversed(condition.changes):
        machine = _Changed(machine, change.name)
    return machine


def _reading(test: object) -> Automaton:
    if isinstance(test, Which):
        return _Names(test.names - test.apart)
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
    if not isinstance(test, TextMatch) or test.kind != "regex" or test.dialect is Dialect.RE2:
        return True
    return re.search(r"\||[*+?}]\?", test.value) is None


def _is_opaque(change: Change) -> bool:
    return change.name[:1] not in "-+" and not change.name.endswith("+") and change != LOWER


def _searched(kind: Kind, conditions: Sequence[Asked]) -> str | None:
    """A text that gets all answers; None where there is none."""
    readable = [each for each in conditions if isinstance(each.test, TextMatch | Which)]
    opaque: dict[tuple[Change, ...], list[Asked]] = {}
    plain: list[Asked] = []
    for condition in readable:
        last = max((at for at, change in enumerate(condition.changes) if _is_opaque(change)), default=-1) + 1
        rest = Asked(condition.attribute, condition.changes[last:], condition.test, condition.answer)
        (opaque.setdefault(condition.changes[:last], []) if last else plain).append(rest)
    for behind in opaque.values():  # whatever a text is before: if nothing can come of it, there is none
        if _shortest(Kind(absent=True), behind) is None:
            return None
    text = _shortest(kind, [each for each in plain if each.answer or _is_exact(each.test)])
    if text is None or _holds(conditions, text):
        return text
    raise Undecided(f"whether there is a text like {text!r} that a rule makes another of")


def _shortest(kind: Kind, conditions: Sequence[Asked]) -> str | None:
    """The shortest text that all automata take."""
    machines = [
        (_automaton(each), each.answer is not None and each.answer is not False) for each in conditions
    ]
    if kind.form:
        machines.append((_Expression(_machine(kind.form)), True))
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
            dead = any(wanted and state == _DEAD for (_, wanted), state in zip(machines, after, strict=True))
            if not dead and after not in seen:
                seen.add(after)
                queue.append((after, text + character))
        if len(seen) > _STATES:
            raise Undecided("which texts all conditions take: there are too many")
    return None


def _characters(kind: Kind, conditions: Iterable[Asked]) -> str:
    """The characters that some condition tells apart, and a few others."""
    own = dict.fromkeys("hz0/")
    for condition in conditions:
        test = condition.test
        texts = test.names if isinstance(test, Which) else [test.value] if isinstance(test, TextMatch) else []
        for text in texts:
            own.update(dict.fromkeys(text + text.upper() + text.lower()))
        if isinstance(test, TextMatch) and test.kind == "regex":
            alphabet = _machine(test.value).alphabet
            own.update(dict.fromkeys(each for each in alphabet if isinstance(each, str)))
    return "".join(character for character in own if character in kind.characters)
