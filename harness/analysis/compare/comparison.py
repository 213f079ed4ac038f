"""Two states compared: every class of requests that one of them tells from others is decided in both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.compare import without
from harness.analysis.compare.compared import Compared, Sides
from harness.analysis.compare.difference import Difference
from harness.analysis.compare.jobs import shared_out, untold
from harness.analysis.explore.callers import Callers
from harness.analysis.explore.exploration import LIMIT
from harness.analysis.explore.requests import Cluster
from harness.analysis.explore.strangers import left, with_strangers
from harness.analysis.explore.targets import targets
from harness.analysis.twins import Twins
from harness.base.vocabulary import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.analysis.compare.without import Without
    from harness.analysis.explore.renaming import Renaming
    from harness.analysis.explore.target import Target
    from harness.manifests.files import Unread
    from harness.model import State


@dataclass(frozen=True)
class Comparison:
    """What came of comparing: the differences, and how many classes of requests to Services both have."""

    differences: tuple[Difference, ...]
    classes: int


def compare(
    before: State,
    after: State,
    *,
    limit: int = LIMIT,
    jobs: int = 1,
    staying: bool = False,
    told: Callable[[int, int], None] = untold,
) -> Comparison:
    """Returns where two configurations differ, over every class of requests that they can tell apart.

    Called is all that either has, by the estate's workloads, by callers that neither knows, one in each
    mesh and one outside, and from outside of the cluster. Applications are alike on both sides, and
    answer with each status and delay that a rule asks about. What isn't decided is a difference of its
    own kind. The targets are shared out to as many processes as there are `jobs`. One more caller may be
    `staying` in the mesh that workloads leave. `told` hears how many groups of like targets are done.
    """
    mesh = left(before, after) if staying else None
    states = with_strangers(before, mesh), with_strangers(after, mesh)
    callers, twins = Callers(*states), Twins(*states)
    # Each mesh has words of its own: where another mesh answers they are others anyway.
    was, now = (Cluster(state, own_words=not callers.is_moved) for state in states)
    sides = Sides(was, now, callers, limit, twins.are_same)
    called = list(targets(before, after))
    classes = sorted(twins.classes(called), key=len, reverse=True)  # what may take long comes first

    def part(number: int) -> list[_Result]:
        return _compared(sides, twins, [called[each] for each in classes[number]])

    made = chain.from_iterable(shared_out(part, len(classes), jobs, told))
    numbered = dict(zip(chain.from_iterable(classes), made, strict=True))
    results = [numbered[number] for number in range(len(called))]
    alone = [workload for workload in callers.alone if workload.namespace not in PLATFORM]
    text = "it is there on one side only: what it calls isn't compared"
    undecided = {str(each): each for state in (before, after) for each in state.pervasive}
    met = [(target.label, result.without) for target, result in zip(called, results, strict=True)]
    return Comparison(
        (
            *(replace(each, decide=sides.traces) for result in results for each in result.differences),
            *(Difference.undecided(str(workload), text) for workload in alone),
            *(Difference.undecided(str(each.resource), words) for words, each in undecided.items()),
            *without.differences(met, before, after),
        ),
        sum(result.classes for result in results),
    )


class _Result(NamedTuple):
    """The differences of a target, how many classes of requests it has if it is a Service's, and what those
    were decided without.
    """

    differences: tuple[Difference, ...]
    classes: int
    without: Without


def _compared(sides: Sides, twins: Twins, alike: Sequence[Target]) -> list[_Result]:
    """What comes of targets that are the same but for names.

    The first and the last are compared, whatever their names. If what comes of them is the same but for
    names, too, it holds for those between them.
    """
    first = Compared(sides, alike[0])
    if len(alike) > 2 and twins.are_exchangeable(first.asked):
        last = Compared(sides, alike[-1])
        if _is_same(first, last, twins.renaming(alike[0], alike[-1]), alike[-1]):
            names = ((each, twins.renaming(alike[0], each)) for each in alike[1:-1])
            states = sides.before.state, sides.after.state
            between = (
                _Result(first.renamed(name, each), first.counted, first.without.renamed(name, *states))
                for each, name in names
            )
            return [_result(first), *between, _result(last)]
    return [_result(first), *(_result(Compared(sides, target)) for target in alike[1:])]


def _result(compared: Compared) -> _Result:
    return _Result(compared.differences, compared.counted, compared.without)


def _is_same(first: Compared, last: Compared, renaming: Renaming, twin: Target) -> bool:
    """Whether what came of two is the same but for names, whoever of the callers is the example."""
    expected = Counter(each.essence for each in first.renamed(renaming, twin))
    return first.counted == last.counted and expected == Counter(each.essence for each in last.differences)


def not_read(unread: Unread) -> Difference:
    """Returns the difference that a file is whose objects aren't known: it may hold any."""
    return Difference.undecided(unread.path, f"{unread.path}: not read: {unread.why}")
