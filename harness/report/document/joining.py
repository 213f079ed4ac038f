"""Documents of several runs joined to one: of shards, of machines, of providers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from harness.report.document.models import Document, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.report.document.models import Run

T = TypeVar("T")


def joined(documents: Sequence[Document]) -> Document:
    """Returns one document with the runs of all, in their order; there must be one at least.

    What a shard that isn't there would have judged is a problem of the whole: it isn't proven.
    """
    runs = tuple(run for document in documents for run in document.runs)
    scenarios = []
    before = 0
    for document in documents:
        scenarios += [each.model_copy(update={"run": each.run + before}) for each in document.scenarios]
        before += len(document.runs)
    return Document(
        made_by=documents[0].made_by,
        runs=runs,
        scenarios=tuple(scenarios),
        problems=_once((*(each for document in documents for each in document.problems), *_missing(runs))),
        warnings=_once(each for document in documents for each in document.warnings),
        not_run=_once(each for document in documents for each in document.not_run),
    )


def _missing(runs: Iterable[Run]) -> Iterator[Problem]:
    """The shards that no run is."""
    there: dict[int, set[int]] = defaultdict(set)
    for run in runs:
        if run.shard:
            number, count = map(int, run.shard.split("/"))
            there[count].add(number)
    for count, numbers in there.items():
        if missing := sorted(set(range(1, count + 1)) - numbers):
            names = ", ".join(f"{number}/{count}" for number in missing)
            what = "no report of them is here: what they judge isn't known"
            yield Problem(where=f"shards {names}", what=what)


def _once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
