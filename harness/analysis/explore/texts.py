"""Texts that fulfil conditions: one is made, or it is proven that there is none.

Most are made of the conditions' own words. Where none of those fits, the conditions are read as automata
that run side by side, and what all of them take is searched; regular expressions become automata by
interegular.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from harness.analysis.explore.automata import searched
from harness.analysis.explore.kinds import Undecided
from harness.analysis.explore.tokens import of_any
from harness.analysis.taken_texts import taken
from harness.base.errors import NotModelledError
from harness.base.explored import AGAIN, AND, Among, Asked, Change, InNetwork, Several, Some, Stays, Which
from harness.base.matching import TextMatch
from harness.base.networks import borders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.explore.kinds import Kind
    from harness.base.explored import Test

_FRESH = ("harness", "h", "zq0")
"""Words that no condition is likely to have."""


def value_for(kind: Kind, conditions: Sequence[Asked], first: Sequence[object] = ()) -> list[Any]:
    """Returns a value that gets all of these answers (as a list of one), or none where there is none.

    Those of `first` are tried first. Raises Undecided where neither is known.
    """
    found = _value_for(kind, conditions, first)
    if not found and (others := of_any(conditions)) and _value_for(kind, others):
        raise Undecided("whether a token is one that a rule takes by its text")
    return found


def _value_for(kind: Kind, conditions: Sequence[Asked], first: Sequence[object] = ()) -> list[Any]:
    if kind.open and not any(map(names_text, conditions)):
        kind = replace(kind, open=False)
    exact = next((each for each in conditions if _says(each, "exact") and not each.changes), None)
    if (
        exact is not None
        and not kind.several
        and isinstance(exact.test, TextMatch)
        and not exact.test.ignore_case
    ):
        value = exact.test.value
        return [value] if kind.takes(value) and _holds(conditions, value) else []
    if any(map(_takes_no_text, conditions)):
        return [None] if kind.absent and _holds(conditions, None) else []
    for likely in first:
        if kind.takes(likely) and _holds(conditions, likely):
            return [likely]
    # Two contradict each other only where a text must fulfil one.
    wanted = () if kind.few else [each for each in conditions if each.answer is True]
    if any(contradict(one, other) for one in wanted for other in conditions if other is not one):
        return []
    if not kind.several and _is_pinned_apart(conditions):
        return []
    tried = set(first)
    for value in _candidates(kind, conditions):
        if value in tried or not kind.takes(value):
            continue
        tried.add(value)
        if _holds(conditions, value):
            return [value]
    if kind.few:
        return []
    text = searched(kind, conditions, lambda text: _holds(conditions, text))
    return [] if text is None else [text]


def _takes_no_text(condition: Asked) -> bool:
    """Whether no text gets the answer: each begins and ends with nothing."""
    test = literal(condition.test)
    if not isinstance(test, TextMatch) or condition.answer is not False:
        return False
    return not test.value and test.kind in ("prefix", "suffix", "present")


def _is_pinned_apart(conditions: Sequence[Asked]) -> bool:
    """Whether one condition says which text it is, and another, of the same changes, that it is another."""
    tables = (each for each in conditions if isinstance(each.test, Which))
    pinned = {each.changes: each.answer for each in tables if each.answer is not None}
    return any(
        each.changes in pinned
        and isinstance(each.test, TextMatch | Which | Among)
        and not Asked(each.attribute, (), each.test, each.answer).holds(pinned[each.changes])
        for each in conditions
    )


def names_text(condition: Asked) -> bool:
    """Whether a condition is about a text of its own, in no table: more than the port of an authority."""
    return isinstance(condition.test, TextMatch) and condition.test.value.strip(".*:0123456789") != ""


def fitting(kind: Kind, conditions: Sequence[Asked]) -> Iterator[Any]:
    """Yields values that get all of these answers: those that are easily made."""
    for value in dict.fromkeys(_candidates(kind, conditions)):
        if kind.takes(value) and _holds(conditions, value):
            yield value


def contradict(one: Asked, other: Asked) -> bool:
    """Returns whether no text gets both answers, as far as the words of both show that."""
    if isinstance(one.test, Some) and isinstance(other.test, Some):
        wanted, unwanted = (one, other) if one.answer else (other, one)
        return bool(wanted.answer) and not unwanted.answer and _is_said_by(wanted.test, unwanted.test)
    first, second = literal(one.test), literal(other.test)
    if (other.answer is True and _too_long(one, second)) or (one.answer is True and _too_long(other, first)):
        return True
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


def _is_said_by(one: Test[object], other: Test[object]) -> bool:
    """Whether the text that fulfils one fulfils the other, too."""
    if not (isinstance(one, Some) and isinstance(other, Some)) or one.spaced is not other.spaced:
        return False
    first, second = one.test, other.test
    if not (isinstance(first, TextMatch) and isinstance(second, TextMatch)):
        return False
    return first == second or (not (first.ignore_case or second.ignore_case) and _implies(first, second))


_WORDS = re.compile(r"\^?((?:[^\\.+*?()|\[\]{}^$]|\\[^\w])*)(\.\*)?\$?")


_LENGTH = re.compile(r"\.\{(\d+),\}")


def _too_long(length: Asked, test: object) -> bool:
    """Whether a text must be shorter than a test wants it."""
    if (
        not isinstance(length.test, TextMatch)
        or length.answer is not False
        or not isinstance(test, TextMatch)
    ):
        return False
    least = _LENGTH.fullmatch(length.test.value)
    wanted = test.kind in ("exact", "prefix", "segments", "suffix")
    return least is not None and wanted and len(test.value.rstrip("/")) >= int(least[1])


def literal(test: object) -> object:
    """Returns the same test without an expression, where that is one text, or the beginning of one."""
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
    if isinstance(test, TextMatch | Among | Some | Several | InNetwork):
        possible = kind.several or not isinstance(test, Several)
        return [_answered(question, not question.answer)] if possible else []
    if isinstance(test, Stays) and test.examples:
        return [_answered(question, answer=False)] if question.answer and not question.changes else []
    if isinstance(test, Which) and not kind.few:
        names = (None, *sorted(test.names - test.apart))
        return [_answered(question, name) for name in names if name != question.answer]
    answers: list[object] = []
    for value in kind.few or _candidates(kind, [*before, question]):
        if kind.takes(value) and _holds(before, value):
            answer = question.answer_for(value)
            if answer != question.answer and answer not in answers:
                answers.append(answer)
    return [_answered(question, answer) for answer in answers]


def differing(question: Asked, values: Iterable[object]) -> list[object]:
    """Returns the first of these values for each other answer that they get."""
    first: dict[object, object] = {}
    for value in values:
        try:
            first.setdefault(question.answer_for(value), value)
        except NotModelledError:
            continue
    return [value for answer, value in first.items() if answer != question.answer]


def fitting_few(questions: Sequence[Asked], values: Sequence[Any]) -> Sequence[Any]:
    """Returns those of these values that get all questions' answers."""
    return [value for value in values if _holds(questions, value)]


def _answered(question: Asked, answer: object) -> Asked:
    return Asked(question.attribute, question.changes, question.test, answer)


def _holds(conditions: Iterable[Asked], value: object) -> bool:
    try:
        return all(condition.holds(value) for condition in conditions)
    except NotModelledError:
        return False


def _candidates(kind: Kind, conditions: Sequence[Asked]) -> Iterator[Any]:
    """Values that are likely to get the answers that are wanted."""
    yield from kind.few
    if kind.few and not kind.open:
        return
    if kind.absent:
        yield None
    yield from kind.usual
    for condition in reversed(conditions):
        for text in _around(condition):
            yield from undone(text, condition.changes)
    wanted = [condition for condition in conditions if isinstance(condition.test, Some) and condition.answer]
    if len(wanted) > 1:
        yield kind.several.join(
            text for condition in wanted for text in islice(_around(condition), 1) if text
        )
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
    """The beginning or end that a condition wants of the attribute, if its changes let that be said."""
    assert isinstance(condition.test, TextMatch)
    return next(iter(undone(condition.test.value, condition.changes)), None)


def undone(text: str | None, changes: Sequence[Change]) -> Iterator[str | None]:
    """Yields what a text may have been before changes."""
    if not changes or text is None:
        yield text
        return
    for before in changes[-1].undo(text):
        yield from undone(before, changes[:-1])


def _around(condition: Asked) -> Iterator[str | None]:
    """Texts that fulfil a condition, and some that just don't."""
    test = condition.test.test if isinstance(condition.test, Some) else condition.test
    if isinstance(test, Stays):
        yield from test.examples
    elif isinstance(test, InNetwork):
        yield from borders(test.block)
    elif isinstance(test, Several):
        yield from (mark.join(_FRESH[:2]) for mark in (AND, AGAIN) if condition.answer)
    elif isinstance(test, Among):
        yield from sorted(test.names)[:1] if condition.answer else ()
    elif isinstance(test, Which):
        yield from (condition.answer,) if isinstance(condition.answer, str) else ()
    elif isinstance(test, TextMatch):
        value, word = test.value, _FRESH[0]
        match test.kind:
            case "present":
                yield word
            case "regex":
                within = literal(TextMatch("regex", value.removeprefix(".*")))
                if isinstance(within, TextMatch) and within.kind == "prefix" and value.startswith(".*"):
                    yield f"{within.value}{word}"
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
