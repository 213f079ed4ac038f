"""What may come of a request, with its probabilities, and how two of these differ."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from harness.analysis.explore.answer import ComparedAnswer, answered
from harness.base.explored import END, START
from harness.model.distribution import tally, unmodelled
from harness.traffic.between import Between, moved_by, narrowed, percent

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from fractions import Fraction

    from harness.analysis.explore.renaming import Renaming
    from harness.model.distribution import Branch
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.trace import Arrivals, Trace

Key = TypeVar("Key")

_SHOWN = 8
"""Answers of one distribution that are shown."""

WORDS = "words"
"""The part that differs where both refuse, or proxies answer alike, but in other words."""


@dataclass(frozen=True)
class Answers:
    """What may come back, with its probabilities; and how much arrives at applications meanwhile.

    `arrivals` is None where that depends on timing. `undecided` says what the model doesn't decide, by
    object and field; nothing else is known then. `without` are the steps that tell what it is decided
    without, which is no part of the answer.
    """

    shares: tuple[tuple[ComparedAnswer, Fraction], ...] = ()
    arrivals: Arrivals | None = ()
    undecided: str = ""
    without: Trace = field(default=(), compare=False)

    def __str__(self) -> str:
        return self.described()

    def described(self, parts: Collection[str] = ()) -> str:
        """Returns what may come back; with the words of proxies where they are among the parts that count."""
        if self.undecided:
            return f"not decided: {self.undecided}"
        texts = (
            (answer.in_full if WORDS in parts else str(answer), weight) for answer, weight in self.shares
        )
        weights = narrowed(summed(texts))
        if len(weights) == 1 and 1 in weights.values():
            return next(iter(weights))
        listed = [f"{_share(weight)} {text}" for text, weight in sorted(weights.items())]
        more = [f"{len(listed) - _SHOWN} others"] if len(listed) > _SHOWN else []
        shares = ", ".join(listed[:_SHOWN] + more)
        settings = sorted({name for weight in weights.values() for name in moved_by(weight)})
        return f"{shares}, as other requests have it by {'; '.join(settings)}" if settings else shares

    def filled(self, values: Mapping[str, Any]) -> Answers:
        """Returns the answers that a request with these values gets: marks are what they stand for."""

        def fill(answer: ComparedAnswer) -> ComparedAnswer:
            seconds = _MARK.sub(lambda mark: _seconds(mark[1], values), answer.seconds)
            status, grpc = (
                _MARK.sub(lambda mark: str(values[mark[1]]), text)
                for text in (answer.status, answer.grpc_status)
            )
            return replace(answer, status=status, grpc_status=grpc, seconds="" if seconds == "0" else seconds)

        shares = narrowed(summed((fill(answer), weight) for answer, weight in self.shares))
        return replace(self, shares=tuple(shares.items()))

    def renamed(self, renaming: Renaming) -> Answers:
        """Returns the answers with names exchanged."""
        shares = tuple((answer.renamed(renaming), weight) for answer, weight in self.shares)
        return replace(
            self,
            shares=shares,
            arrivals=renaming.of(self.arrivals),
            undecided=renaming.text(self.undecided),
        )

    @property
    def arrival_words(self) -> str:
        """How many requests arrive where."""
        if self.arrivals is None:
            return "depends on timing"
        return ", ".join(f"{float(number):.4g} at {workload}" for workload, number in self.arrivals) or "none"


_MARK = re.compile(f"{START}([^{END}]*){END}")


def _seconds(mark: str, values: Mapping[str, Any]) -> str:
    times, _, rest = mark.rpartition("×")
    name, _, offset = rest.partition("+")
    return f"{int(times or 1) * values[name] + float(offset or 0):g}"


def differ_anyhow(before: Answers, after: Answers) -> bool:
    """Returns whether explored answers differ for all requests: not only where one repeats what is sent."""
    if before.undecided or after.undecided or before.arrivals != after.arrivals:
        return True

    def plain(answers: Answers) -> Mapping[object, Fraction]:
        return summed(
            ((answer.refused, answer.failure, answer.external, answer.backend, answer.mutual), weight)
            for answer, weight in answers.shares
        )

    return plain(before) != plain(after)


def answers(branches: Iterable[Branch[Outcome]], *, own_words: bool) -> Answers:
    """Returns what is compared of the ways that a request may take; proxies' own words among it, or not."""
    branches = tuple(branches)
    weighted = narrowed(
        summed((answered(branch.value, own_words=own_words), branch.weight) for branch in branches)
    )
    return Answers(tuple(sorted(weighted.items(), key=str)), tally(branches), without=unmodelled(branches))


def compared(outcomes: Outcomes) -> Answers:
    """Returns what is compared of a distribution, beside what arrives and what proxies say in own words."""
    weighted = narrowed(
        summed((answered(group.outcome, own_words=False), group.weight) for group in outcomes.groups)
    )
    return Answers(tuple(sorted(weighted.items(), key=str)))


def unlike(before: Answers, after: Answers) -> tuple[str, ...]:
    """Returns what differs between two distributions (`status`, `backend`…), empty if nothing.

    Where a refusal or a failure stands against an answer, nothing else is worth saying.
    """
    if before == after and not before.undecided:
        return ()
    if before.undecided or after.undecided:
        return ("undecided",)
    sides = (*before.shares, *after.shares)
    refused = all(answer.refused for answer, _ in sides)
    for name in ("refused", "external", "failure"):
        if _shares(before, name) != _shares(after, name):
            return (WORDS,) if refused else (name,)
    names = [
        each.name
        for each in fields(ComparedAnswer)
        if _shares(before, each.name) != _shares(after, each.name)
    ]
    if refused and names:
        names = [WORDS]
    served = [any(answer.backend for answer, _ in side.shares) for side in (before, after)]
    if served[0] != served[1]:  # who didn't answer saw nothing either
        names = [name for name in names if name in ("status", "grpc_status", "seconds")]
    if not names and before.shares != after.shares:
        names = ["shares"]
    if before.arrivals != after.arrivals and "backend" not in names:
        names.append("arrivals")
    return tuple(name for name in names if name != WORDS) or tuple(names)


def _shares(answers: Answers, name: str) -> Mapping[object, Fraction]:
    return narrowed(summed((getattr(answer, name), weight) for answer, weight in answers.shares))


def summed(weighted: Iterable[tuple[Key, Fraction]]) -> dict[Key, Fraction]:
    """Returns the weight of each key."""
    shares: dict[Key, Fraction] = {}
    for key, weight in weighted:
        shares[key] = shares[key] + weight if key in shares else weight
    return shares


def _share(weight: Fraction) -> str:
    return percent(weight) if isinstance(weight, Between) else f"{float(weight):.4g}"
