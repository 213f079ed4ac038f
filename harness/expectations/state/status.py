"""`status`: what controllers report of an object, as its conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.base import ObjectName
from harness.expectations.base import Expectation, settled
from harness.expectations.values import MeshName, text_as
from harness.expectations.verdict import NOT_PREDICTED, Result, Verdict
from harness.traffic.observables import Basis
from harness.traffic.status import CONTROLLERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.expectations.base import Ground
    from harness.traffic.status import Status

Named = Annotated[ObjectName, text_as(ObjectName.parse)]


class Reported(Expectation):
    """Controllers report these `conditions` of an object: true, false, or a reason.

    Of a route it is what is said of it on its `parent`, by the controller of a mesh (`by`); without these
    every report must be so. With `listener` it is about one listener: of a Gateway (or ListenerSet),
    or of a route's parent. `routes` are those on a listener, `kinds` those that it takes.
    """

    kind: ClassVar[str] = "status"

    of: Named
    by: MeshName | None = None
    parent: Named | None = None
    listener: str | None = None
    conditions: dict[str, bool | str] = Field(default_factory=dict)
    routes: int | None = None
    kinds: list[str] | None = None

    def faults(self) -> Iterator[str]:
        of_listener = self.routes is not None or self.kinds is not None
        if not self.conditions and not of_listener:
            yield "say conditions, routes or kinds"
        if of_listener and self.listener is None:
            yield "routes and kinds are a listener's: name it"

    def title(self) -> str:
        about = "".join(f" {word} {name}" for word, name in self._about())
        return f"status of {self.of}{about}: {self._wanted()}"

    def _about(self) -> Iterator[tuple[str, object]]:
        if self.parent:
            yield "on", self.parent
        if self.listener:
            yield "listener", self.listener
        if self.by:
            yield "by", self.by

    def _wanted(self) -> str:
        words = [f"{kind} {_word(wanted)}" for kind, wanted in self.conditions.items()]
        words += [f"{self.routes} routes"] if self.routes is not None else []
        words += [f"kinds {' '.join(self.kinds) or 'none'}"] if self.kinds is not None else []
        return ", ".join(words)

    def judge(self, ground: Ground) -> Verdict:
        observed = ground.provider.basis is Basis.OBSERVED
        every = settled(
            lambda: ground.provider.status(self.of),
            lambda every: self._result(self._reports(every)) is Result.PASS,
            ground.confidence.settle if observed else 0,
            1.0,
        )
        if ground.record is not None:
            ground.record.status(self.of, every)
        reports = self._reports(every)
        return Verdict(
            result=self._result(reports),
            basis=ground.provider.basis,
            expected=self._wanted(),
            seen=_seen(reports),
            predicted=self._predicted(ground),
        )

    def _predicted(self, ground: Ground) -> str:
        if ground.shadow is None:
            return ""
        reports = self._reports(ground.shadow.status(self.of))
        undecided = any(set(report.open) & self.conditions.keys() for report in reports)
        return f"{NOT_PREDICTED}a load balancer decides" if undecided else _seen(reports)

    def _reports(self, every: Sequence[Status]) -> list[Status]:
        """Those that it is about."""
        return [report for report in every if self._is_about(report)]

    def _is_about(self, report: Status) -> bool:
        if report.parent is None:
            return self.parent is None and report.listener == (self.listener or "")
        own = (report.parent.kind, report.parent.namespace, report.parent.name)
        named = self.parent
        return (
            (named is None or own == (named.kind, named.namespace, named.name))
            and self.listener in (None, report.parent.section)
            and (self.by is None or CONTROLLERS[self.by] == report.controller)
        )

    def _result(self, reports: Sequence[Status]) -> Result:
        if not reports:
            return Result.FAIL
        results = [
            self._of_condition(report, kind, wanted)
            for report in reports
            for kind, wanted in self.conditions.items()
        ]
        if self.routes is not None:
            results += [Result.PASS if report.routes == self.routes else Result.FAIL for report in reports]
        if self.kinds is not None:
            wanted = tuple(sorted(self.kinds))
            results += [Result.PASS if report.kinds == wanted else Result.FAIL for report in reports]
        for result in (Result.FAIL, Result.INCONCLUSIVE):
            if result in results:
                return result
        return Result.PASS

    @staticmethod
    def _of_condition(report: Status, kind: str, wanted: bool | str) -> Result:
        if kind in report.open:
            return Result.INCONCLUSIVE
        for condition in report.conditions:
            if condition.type == kind:
                own = condition.status == "True" if isinstance(wanted, bool) else condition.reason
                return Result.PASS if own == wanted else Result.FAIL
        return Result.FAIL


def _word(wanted: bool | str) -> str:
    return str(wanted).lower() if isinstance(wanted, bool) else wanted


def _seen(reports: Sequence[Status]) -> str:
    return "; ".join(map(str, reports)) or "no controller reports it"
