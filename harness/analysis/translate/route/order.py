"""First match, said under a precedence: Istio takes the first rule that fits, Linkerd the most specific."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.analysis.translate.route.matches import EVERY, RequestMatch, Text, Unsayable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Rank = Callable[[RequestMatch], tuple[Any, ...]]

MAX_CHOICES = 1000
"""Matches that one list may grow to; a list that needs more is reported, and left as far as it is."""


@dataclass(frozen=True)
class Choice:
    """What a match leads to (the index of a rule), except for what the `unless` matches take."""

    match: RequestMatch
    rule: int
    unless: tuple[RequestMatch, ...] = ()


@dataclass(frozen=True)
class Ordered:
    """Choices that a precedence takes as the first match would be; `conflicts` are the rules where not."""

    choices: tuple[Choice, ...]
    conflicts: tuple[tuple[int, str], ...] = ()


def linkerd(match: RequestMatch) -> tuple[Any, ...]:
    """Returns a match's rank in Linkerd, whose path counts as long as any other [linkerd2-proxy: http/route].

    Exact paths and regular expressions that match both count the request's whole path.
    """
    return (match != EVERY, len(match.headers), len(match.query), match.method is not None)


def gateway_api(match: RequestMatch) -> tuple[Any, ...]:
    """Returns a match's rank at a gateway: path type, path length, method, headers, query [Gateway API]."""
    path = match.path or Text("prefix", "/")
    types = {"exact": 2, "prefix": 1, "regex": 0}
    others = (match.method is not None, len(match.headers), len(match.query))
    return (types[path.kind], len(path.value), *others)


def ordered(choices: Sequence[Choice], rank: Rank = linkerd) -> Ordered:
    """Returns choices that give each request to the rule that takes it first in this list.

    Where a later match would be preferred to an earlier one, the requests that both take get a match of their
    own, which is at least as specific and stands first: a tie goes to the earlier rule.
    """
    expanded, conflicts = _without_exceptions(choices)
    ranks = [rank(choice.match) for choice in expanded]
    if all(rank_ >= other for rank_, other in pairwise(ranks)):
        return Ordered(tuple(expanded), tuple(conflicts))
    # Places in the list are priorities: what is added shares its earlier rule's.
    placed = list(enumerate(expanded))
    seen = {(place, choice.match) for place, choice in placed}
    for index, (place, choice) in enumerate(placed):  # grows while it is gone through
        for other_place, other in tuple(placed[:index]):
            pair = ((place, choice), (other_place, other))
            (first_place, first), (_, later) = pair if place < other_place else pair[::-1]
            if place == other_place or rank(later.match) <= rank(first.match):
                continue
            both = _meet(first, later)
            if both is None:
                continue
            if isinstance(both, str) or rank(both) < rank(later.match) or len(placed) > MAX_CHOICES:
                why = f"{later.match} is preferred to {first.match}"
                conflicts.append((first.rule, why))
            elif (first_place, both) not in seen:
                seen.add((first_place, both))
                placed.append((first_place, Choice(both, first.rule)))
    placed.sort(key=lambda pair: pair[0])
    return Ordered(tuple(choice for _, choice in placed), tuple(dict.fromkeys(conflicts)))


def _without_exceptions(choices: Sequence[Choice]) -> tuple[list[Choice], list[tuple[int, str]]]:
    """What a choice doesn't take goes to the first choice after it that does."""
    expanded: list[Choice] = []
    conflicts: list[tuple[int, str]] = []
    for choice in reversed(choices):
        before: list[Choice] = []
        for exception in choice.unless:
            excluded = _meet(choice, Choice(exception, choice.rule))
            if excluded is None:
                continue
            if isinstance(excluded, str):
                conflicts.append((choice.rule, excluded))
                continue
            for later in expanded:
                both = _meet(Choice(excluded, choice.rule), later)
                if isinstance(both, str):
                    conflicts.append((choice.rule, both))
                elif both is not None:
                    before.append(Choice(both, later.rule))
            if not any(later.match.covers(excluded) for later in expanded):
                conflicts.append((choice.rule, f"no later rule takes {excluded}, and no rule can refuse it"))
        expanded = [*before, Choice(choice.match, choice.rule), *expanded]
    return expanded, conflicts


def _meet(choice: Choice, other: Choice) -> RequestMatch | str | None:
    try:
        return choice.match.meet(other.match)
    except Unsayable as error:
        return f"no match says {error}"
