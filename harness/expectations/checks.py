"""What every answer must have: the checks of an expectation, and what fails them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from harness.expectations.base import UNKNOWN, Asking, Ground

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.traffic.outcomes import Outcome

AS_EXPECTED = "as expected"


class Checking(Asking):
    """An expectation that each answer must meet whole."""

    def problems(self, outcome: Outcome) -> Iterator[str]:
        """Yields what is wrong with an answer, and UNKNOWN for each check that it doesn't tell enough for."""
        raise NotImplementedError

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {AS_EXPECTED: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        if outcome.failure is not None:
            return str(outcome)
        found = list(self.problems(outcome))
        wrong = ", ".join(problem for problem in found if problem != UNKNOWN)  # whatever isn't known
        return wrong or (UNKNOWN if found else AS_EXPECTED)


def unseen(outcome: Outcome) -> str:
    """Returns what an answer from a server that doesn't tell what it saw comes to."""
    return UNKNOWN if (outcome.status or 0) < 400 else str(outcome)
