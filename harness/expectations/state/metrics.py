"""`metrics`: a mesh counts the requests, under its own names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.expectations.base import Sending
from harness.expectations.values import MeshName, WorkloadName
from harness.expectations.verdict import Explanation, Result, Verdict
from harness.traffic.observables import Meter
from harness.traffic.sequential import at_least

if TYPE_CHECKING:
    from harness.expectations.base import Ground
    from harness.traffic.observables import Growth, Metered

SENT = 200
"""Requests of a sample: each counted twice, it can't be others' requests that happened to come meanwhile."""


class Metrics(Sending):
    """Each of the mesh's golden counters, or of those that `counters` names, grows by the requests sent.

    The counters are those of the proxies of `at`: of the requests that go out where that is `from` (as it
    is if absent), of those that come in elsewhere. What others' requests add is told by as much time without.
    """

    kind: ClassVar[str] = "metrics"

    mesh: MeshName
    at: WorkloadName | None = None
    counters: Annotated[list[str], Field(min_length=1)] | None = None

    def title(self) -> str:
        return f"{self.mesh} counts {self.method} from {self.source} to {self.to} at {self.at or self.source}"

    def judge(self, ground: Ground) -> Verdict:
        meter = Meter(self.at or self.source, self.mesh, tuple(self.counters or ()))
        metered = ground.provider.metered(self.sent, SENT, meter)
        due, unlikely = Due.of(metered), ground.confidence.false_fail
        problems = {growth.counter: due.problem(growth, unlikely) for growth in metered.growths}
        result = Result.FAIL if any(problems.values()) else Result.PASS
        return Verdict(
            result=result if due.least else Result.INCONCLUSIVE,
            basis=ground.provider.basis,
            expected=f"each grows by {due}",
            seen=", ".join(_words(growth, problems[growth.counter]) for growth in metered.growths),
            n=metered.outcomes.n,
            evidence=metered.evidence,
            explanations=_explained(metered),
        )


@dataclass(frozen=True)
class Due:
    """By how much a counter must grow: what was answered went through each proxy, the rest may have."""

    least: int
    most: int

    @classmethod
    def of(cls, metered: Metered) -> Due:
        """Returns it for the requests that were sent."""
        outcomes = metered.outcomes
        answered = sum(group.weight for group in outcomes.groups if group.outcome.status is not None)
        return cls(metered.sent if outcomes.exact else int(answered), metered.sent)

    def problem(self, growth: Growth, unlikely: float) -> str:
        """Returns what is wrong with a counter's growth; empty if it is right, beside others' requests."""
        if not growth.there:
            return "isn't there"
        if growth.grown < self.least:
            return "too little"
        beyond = max(0, growth.grown - self.most)
        return "too much" if beyond and at_least(beyond, beyond + growth.idle, 0.5) < unlikely else ""

    def __str__(self) -> str:
        answered = f" at least, of {self.most} that were sent" if self.least < self.most else ""
        return f"{self.least}{answered}"


def _words(growth: Growth, problem: str) -> str:
    if not growth.there:
        return f"{growth.counter} {problem}"
    others = f" (and by {growth.idle} without the requests)" if growth.idle else ""
    return f"{growth.counter} grows by {growth.grown}{others}" + (f": {problem}" if problem else "")


def _explained(metered: Metered) -> tuple[Explanation, ...]:
    groups = metered.outcomes.groups
    return tuple(Explanation(str(group.outcome), group.trace) for group in groups if group.trace)
