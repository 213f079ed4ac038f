"""Exact distributions: what may happen, with which probability, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Generic, TypeVar

from harness.traffic.between import Between, between, bounds
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.base.vocabulary import Workload
    from harness.traffic.trace import Arrivals, Step, Trace

T = TypeVar("T")
U = TypeVar("U")

ONE = Fraction(1)


@dataclass(frozen=True)
class Branch(Generic[T]):
    """One thing that may happen, its probability, and the reasons that led there."""

    weight: Fraction
    value: T
    trace: Trace = ()


Branches = tuple[Branch[T], ...]


def certain(value: T, *trace: Step) -> Branches[T]:
    """Returns the distribution in which only this happens."""
    return (Branch(ONE, value, trace),)


def shares(choices: Iterable[tuple[int | Fraction, T, Trace]]) -> Branches[T]:
    """Returns the distribution that picks each choice by its share of all weights.

    Choices of weight 0 are left out; the weights mustn't all be 0.
    """
    kept = [(Fraction(weight), value, trace) for weight, value, trace in choices if weight]
    if len(kept) == 1:
        return (Branch(ONE, *kept[0][1:]),)
    total = sum((weight for weight, _, _ in kept), Fraction(0))
    return tuple(Branch(weight / total, value, trace) for weight, value, trace in kept)


def rebalanced(choices: Iterable[tuple[int | Fraction, T, Trace, frozenset[str]]]) -> Branches[T]:
    """Returns the distribution that picks by weights among choices of which some may be out at times.

    The share of what is out goes to the others. Each choice comes with the settings by which other requests
    put it out, none for what always stays in.
    """
    listed = list(choices)
    total = sum((Fraction(weight) for weight, _, _, _ in listed), Fraction(0))
    staying = sum((Fraction(weight) for weight, _, _, on in listed if not on), Fraction(0))
    every = frozenset[str]().union(*(on for _, _, _, on in listed))

    def share(weight: Fraction, on: frozenset[str]) -> Fraction:
        alone = weight / total
        beside = staying if on else staying - weight
        return between(alone, Fraction(0) if on else alone, weight / (weight + beside), every)

    return tuple(Branch(share(Fraction(weight), on), value, trace) for weight, value, trace, on in listed)


def avoidable(branches: Branches[T]) -> bool:
    """Returns whether none of the branches need ever happen."""
    return not any(bounds(branch.weight)[0] for branch in branches)


def then(branches: Branches[T], follow: Callable[[T], Branches[U]]) -> Branches[U]:
    """Returns what happens if each branch is followed by what `follow` makes of its value."""
    if len(branches) == 1 and branches[0].weight is ONE:
        return after(follow(branches[0].value), *branches[0].trace)
    return tuple(
        Branch(first.weight * second.weight, second.value, first.trace + second.trace)
        for first in branches
        for second in follow(first.value)
    )


def after(branches: Branches[T], *trace: Step) -> Branches[T]:
    """Returns the branches with these reasons before their own."""
    if not trace:
        return branches
    return tuple(Branch(branch.weight, branch.value, trace + branch.trace) for branch in branches)


def mapped(branches: Branches[T], change: Callable[[T], U]) -> Branches[U]:
    """Returns the branches with their values changed."""
    return tuple(Branch(branch.weight, change(branch.value), branch.trace) for branch in branches)


def pooled(branches: Iterable[Branch[T]]) -> Branches[T]:
    """Returns the branches with equal values as one, with the trace of the first of them."""
    pools: dict[T, tuple[Fraction, Trace]] = {}
    for branch in branches:
        if branch.value in pools:
            weight, trace = pools[branch.value]
            pools[branch.value] = (weight + branch.weight, trace)
        else:
            pools[branch.value] = (branch.weight, branch.trace)
    return tuple(Branch(weight, value, trace) for value, (weight, trace) in pools.items())


def averaged(branches: Iterable[Branch[T]]) -> Branches[T]:
    """Returns the branches with equal values as one, whose last step has what arrived in all of them.

    For what is sent again: how many requests arrived at whom is still counted later.
    """
    pools: dict[T, list[Branch[T]]] = {}
    for branch in branches:
        pools.setdefault(branch.value, []).append(branch)
    return tuple(_averaged(alike) for alike in pools.values())


def _averaged(alike: list[Branch[T]]) -> Branch[T]:
    first = alike[0]
    if len(alike) == 1 or not first.trace:
        return first
    weight = sum((branch.weight for branch in alike), Fraction(0))
    arrivals = None
    if not isinstance(weight, Between):
        arrivals = tally(replace(branch, weight=branch.weight / weight) for branch in alike)
    before = (replace(step, arrivals=()) for step in first.trace[:-1])
    return Branch(weight, first.value, (*before, replace(first.trace[-1], arrivals=arrivals)))


def unmodelled(branches: Iterable[Branch[T]]) -> tuple[Step, ...]:
    """Returns the steps that tell what branches were decided without, each once."""
    every = (step for branch in branches for step in branch.trace)
    return tuple(dict.fromkeys(step for step in every if step.action is Action.NOT_MODELLED))


def tally(branches: Iterable[Branch[T]]) -> Arrivals | None:
    """Returns how many requests each workload's application gets on average while one is answered.

    None where that depends on timing, on other requests, or on what isn't known. The branches mustn't be
    pooled yet.
    """
    numbers: dict[Workload, Fraction] = {}
    for branch in branches:
        for reason in branch.trace:
            if reason.arrivals is None:
                return None
            for workload, number in reason.arrivals:
                numbers[workload] = numbers.get(workload, Fraction(0)) + branch.weight * number
    if any(isinstance(number, Between) for number in numbers.values()):
        return None
    return tuple(sorted(numbers.items()))
