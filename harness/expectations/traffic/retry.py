"""`retry`: how often a request is tried, counted at the server."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.base.errors import HarnessError
from harness.expectations.counting import Counting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.base import Ground
    from harness.traffic.observables import Arrived
    from harness.traffic.outcomes import Outcome


class Retry(Counting):
    """Each request arrives `tries` times at workload `at`, the first time included.

    That nothing is retried (`tries: 1`) shows only in requests that fail.
    """

    kind: ClassVar[str] = "retry"

    tries: Annotated[int, Field(ge=1)]

    def title(self) -> str:
        return f"{self.tries} tries at {self.at}, {self.method} from {self.source} to {self.to}"

    @property
    def due(self) -> Fraction:
        return Fraction(self.tries)

    def counted(self, ground: Ground, arrived: Arrived) -> Iterable[str]:
        answers = {str(one.outcome) for one in arrived.outcomes.groups if not _failed(one.outcome)}
        if self.tries == 1 and answers:
            raise HarnessError(
                "requests that succeed aren't retried anyway",
                why=f"answered {', '.join(sorted(answers))}",
                todo="ask for something that fails",
            )
        return ()


def _failed(outcome: Outcome) -> bool:
    return outcome.failure is not None or (outcome.status or 0) >= 500 or bool(outcome.grpc_status)
