"""Failure accrual: a proxy takes an endpoint out for a while that fails, for all requests to it.

When it does depends on what other requests got. So an endpoint that may fail is there or not, and shares have
bounds [linkerd2-proxy: app/outbound, http/breaker].
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.api.linkerd.annotation import ACCRUAL, Accrual, accrual
from harness.base.grpc import STATUSES
from harness.model.distribution import Branch, after, avoidable, rebalanced, then
from harness.model.linkerd.routing.limits import GRPC_FAILURES
from harness.traffic.between import Between
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.message import Answers
    from harness.traffic.outcomes import Outcome

_TOO_MANY_REQUESTS, _RESOURCE_EXHAUSTED = 429, STATUSES.index("RESOURCE_EXHAUSTED")


@dataclass(frozen=True)
class Breaker:
    """What takes endpoints out that fail, as the annotations of a Service (or EgressNetwork) say."""

    parent: Resource
    accrual: Accrual

    @classmethod
    def of(cls, parent: Resource | None) -> Breaker | None:
        """Returns an object's, if it asks for one."""
        wanted = accrual(parent) if parent is not None else None
        return cls(parent, wanted) if parent is not None and wanted is not None else None

    def picking(self, choices: Iterable[tuple[int, Answers]], outages: Iterable[Outcome]) -> Answers:
        """Returns what endpoints answer that share requests alike; `outages` come back if none is left."""
        weighed = [
            (count, answers, (), self._on if any(map(self._fails, answers)) else frozenset[str]())
            for count, answers in choices
        ]
        branches = then(rebalanced(weighed), lambda answers: answers)
        return self._with_outages(branches, outages)

    def sharing(self, choices: Iterable[tuple[Fraction, Answers]]) -> Answers:
        """Returns what backends answer that share requests by weights, and of which some may be out."""
        weighed = [
            (weight, answers, (), self._on if avoidable(answers) else frozenset[str]())
            for weight, answers in choices
        ]
        return then(rebalanced(weighed), lambda answers: answers)

    @property
    def _on(self) -> frozenset[str]:
        return frozenset((self.accrual.words,))

    def _fails(self, branch: Branch[Outcome]) -> bool:
        """Whether the proxy counts an answer as its endpoint's failure; for a success rate limits count."""
        outcome, rated = branch.value, bool(self.accrual.rate)
        if outcome.grpc_status is not None:
            failed, limited = outcome.grpc_status in GRPC_FAILURES, outcome.grpc_status == _RESOURCE_EXHAUSTED
        else:
            failed = outcome.failure is not None or (outcome.status or 0) >= 500
            limited = outcome.status == _TOO_MANY_REQUESTS
        return bool(branch.weight) and (failed or (rated and limited))

    def _with_outages(self, branches: Answers, outages: Iterable[Outcome]) -> Answers:
        field = f"annotation {ACCRUAL}"
        text = "may take endpoints out that fail: which answer how often depends on other requests"
        if any(isinstance(branch.weight, Between) for branch in branches):
            branches = after(branches, step(self.parent, field, Action.EJECTED, text))
        if not avoidable(branches):
            return branches
        seldom = Between(Fraction(0), Fraction(0), Fraction(1), self._on)
        why = step(self.parent, field, Action.EJECTED, "may have taken out all endpoints")
        return (*branches, *(Branch(seldom, outage, (why,)) for outage in outages))
