"""How many requests arrive at applications while one is answered: its retries, copies, further calls."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.vocabulary import Workload
    from harness.model.distribution import Branch
    from harness.traffic.outcomes import Outcome
    from harness.traffic.trace import Arrivals


def tally(branches: Iterable[Branch[Outcome]]) -> Arrivals | None:
    """Returns how many requests each workload's application gets on average.

    None where that depends on timing, or on what isn't known. The branches mustn't be pooled yet.
    """
    found: dict[Workload, Fraction] = {}
    for branch in branches:
        for reason in branch.trace:
            if reason.arrivals is None:
                return None
            for workload, number in reason.arrivals:
                found[workload] = found.get(workload, Fraction(0)) + branch.weight * number
    return tuple(sorted(found.items()))
