"""The run's report: what tests' reports hold of it is joined at the end, and written where it is wanted."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.base import HarnessError
from harness.plugin.node_id import scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.ground.choice import Knobs
    from harness.plugin.session import Runs
    from harness.report.document.models import Document, Run

ATTRIBUTE = "harness_parts"
"""What a test's report holds of the run's; pytest-xdist sends it along."""


SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a job's summary [GitHub: Workflow commands]."""


def wanted(knobs: Knobs) -> bool:
    """Returns whether a report is made: it is asked for, or a job shows a summary."""
    return any(knobs.text(name) for name in ("report", "report-json")) or bool(os.environ.get(SUMMARY))


class Reporting:
    """A plugin of the process that hears all tests' reports."""

    def __init__(self, runs: Runs) -> None:
        from harness.report.document.collecting import Collecting

        self._runs = runs
        self._collected = Collecting()
        self._ids: dict[str, None] = {}
        self._problems: list[tuple[str, str]] = []
        self._began = time.time()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        self._expect(ids)

    def _expect(self, ids: Iterable[str]) -> None:
        self._ids.update((each, None) for each in ids if scenario(each))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._problems.append((report.nodeid, report.longreprtext))

    def pytest_internalerror(self, excrepr: object) -> None:
        self._problems.append(("pytest", str(excrepr)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if str(report.outcome) == "rerun":  # pytest-rerunfailures': the last one counts
            return
        parts = getattr(report, ATTRIBUTE, ())
        for part in parts:
            self._collected.add(part)
        if parts:
            self._ids.pop(report.nodeid, None)
        elif report.failed and scenario(report.nodeid):
            self._problems.append((report.nodeid, report.longreprtext))

    @pytest.hookimpl(trylast=True)  # the provider is closed before that, and tells what went wrong
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        from harness.report.document.collecting import document
        from harness.report.document.models import Problem

        problems = [Problem(where=where, what=what) for where, what in dict.fromkeys(self._problems)]
        run = self._run(int(session.exitstatus))
        made = document(run, self._collected, problems, self._runs.warnings, self._ids)
        try:
            self._write(made)
        except HarnessError as error:
            self._runs.warnings.append(str(error))
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def _run(self, status: int) -> Run:
        from harness.report.document.models import Run

        knobs = self._runs.knobs
        told = asdict(self._runs.confidence()).items()
        settings = {name.replace("_", "-"): value for name, value in told if value is not None}
        return Run(
            provider=self._runs.kind,
            basis="predicted" if self._runs.kind == "model" else "observed",
            began=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._began)),
            seconds=round(time.time() - self._began, 1),
            settings={**settings, **{name: knobs.text(name) for name in ("drift", "health")}},
            status=status,
            shard=knobs.text("shard"),
        )

    def _write(self, made: Document) -> None:
        from harness.report.document.files import text, write

        knobs, root = self._runs.knobs, self._runs.config.invocation_params.dir
        if file := knobs.text("report-json"):
            write(made, root / Path(file), "json")
        if file := knobs.text("report"):
            write(made, root / Path(file), "html")
        if summary := os.environ.get(SUMMARY):
            with Path(summary).open("a", encoding="utf-8") as opened:
                opened.write(text(made, "markdown"))
