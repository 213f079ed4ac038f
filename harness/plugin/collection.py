"""Scenario files as pytest sees them: a file of stages, a stage of expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from harness.base import HarnessError
from harness.expectations import Result
from harness.plugin.node_id import part
from harness.plugin.session import PARTS, PROPERTY, RUNS
from harness.report.terminal import beside, explained, summary
from harness.run.runner import UnreachableError
from harness.run.shadow import DriftWarning
from harness.scenario import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.expectations import Verdict
    from harness.scenario import Check, Scenario, Stage


class ExpectationError(AssertionError):
    """An expectation that failed, or that nothing proved."""


def row(
    scenario: str,
    order: tuple[int, int],
    stage: Stage,
    check: Check,
    result: str,
    seen: str,
    verdict: Verdict | None,
) -> dict[str, Any]:
    """Returns what a test's report holds of a verdict, or of why there is none; `order` is its place.

    What isn't a pass has the steps that led to it (`harness.report.trace`).
    """
    from harness.report.trace import explanations

    failed = verdict is not None and verdict.result is not Result.PASS
    return {
        "scenario": scenario,
        "order": order,
        "stage": stage.name,
        "name": check.name,
        "result": str(result),
        "because": check.because,
        "seen": seen,
        "basis": str(verdict.basis) if verdict else "",
        "n": verdict.n if verdict else None,
        "predicted": verdict.predicted if verdict else "",
        "drift": verdict.drift if verdict else "",
        "explanations": explanations(verdict.explanations) if verdict and failed else [],
    }


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Returns items with each scenario's together, at the place of its first one, in the order of its file.

    Its stages build on each other: shuffled (by pytest-randomly, say) each change of stage would run again.
    """
    by_file: dict[Path, list[CheckItem]] = {}
    for item in items:
        if isinstance(item, CheckItem):
            by_file.setdefault(item.path, []).append(item)
    ordered: list[pytest.Item] = []
    for item in items:
        if not isinstance(item, CheckItem):
            ordered.append(item)
        elif item.path in by_file:
            checks = by_file.pop(item.path)
            checks.sort(key=lambda check: check.place)
            ordered += checks
    return ordered


class ScenarioFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Collector]:
        try:
            self.scenario = self.config.stash[RUNS].isolated(load_scenario(self.path))
        except HarnessError as error:
            raise self.CollectError(str(error)) from error
        for stage in self.scenario.stages:
            yield StageCollector.from_parent(self, name=part(stage.name), stage=stage)


class StageCollector(pytest.Collector):
    """A stage of a scenario."""

    parent: ScenarioFile

    def __init__(self, *, stage: Stage, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage

    def collect(self) -> Iterator[pytest.Item]:
        for check in self.stage.checks:
            item = CheckItem.from_parent(self, name=check.name, check=check)
            item.add_marker(pytest.mark.xdist_group(str(self.path)))
            yield item


class CheckItem(pytest.Item):
    """An expectation in a stage."""

    parent: StageCollector

    def __init__(self, *, check: Check, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    @property
    def scenario(self) -> Scenario:
        return self.parent.parent.scenario

    @property
    def stage(self) -> Stage:
        return self.parent.stage

    @property
    def order(self) -> int:
        return self.scenario.stages.index(self.stage)

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in its scenario: its stage, and its place in that."""
        return self.order, self.stage.checks.index(self.check)

    def runtest(self) -> None:
        self._forget()
        try:
            verdict = self.config.stash[RUNS].runner(self.scenario).judge(self.stage, self.check)
        except UnreachableError as error:
            self._note("skip", seen=str(error))
            pytest.skip(str(error))
        except HarnessError as error:
            self._note("fail", seen=str(error))
            raise
        self._note(verdict.result, seen=verdict.seen, verdict=verdict)
        if verdict.predicted:
            lines = [f"{verdict.basis}: {verdict.seen}", beside(verdict)]
            evidence = [f"evidence: {line}" for line in verdict.evidence]
            self.add_report_section("call", "verdict", "\n".join([*lines, *evidence]))
        if verdict.timeline is not None:
            passed = verdict.result is Result.PASS
            kept = self.config.stash[RUNS].keep_timeline(self, verdict.timeline, passed=passed)
            self.add_report_section("call", "timeline", summary(verdict.timeline, kept))
        if verdict.drift and verdict.result is Result.PASS:
            self.warn(DriftWarning(explained(self.stage, self.check, verdict)))
        if verdict.result is not Result.PASS:
            raise ExpectationError(explained(self.stage, self.check, verdict))

    def _forget(self) -> None:
        """Forgets what an earlier run of it said: pytest-rerunfailures runs an item again."""
        self.user_properties[:] = [each for each in self.user_properties if each[0] != PROPERTY]
        self.stash.setdefault(PARTS, []).clear()

    def _note(self, result: str, *, seen: str, verdict: Verdict | None = None) -> None:
        """Leaves the verdict with the report, for the table, JUnit and other workers' processes."""
        noted = row(self.nodeid.partition("::")[0], self.place, self.stage, self.check, result, seen, verdict)
        self.user_properties.append((PROPERTY, noted))
        file, at = self.nodeid.partition("::")[0], (self.scenario, self.stage, self.check)
        self.config.stash[RUNS].tell(self, file, at, result, seen, verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, ExpectationError):
            return str(excinfo.value)
        if isinstance(excinfo.value, HarnessError):
            return f"{self.check.where}: {self.check.name}\n{self.check.source}\n\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        line = int(self.check.where.rsplit(":", 2)[1])
        return self.path, line - 1, f"{self.stage.name}: {self.name}"
