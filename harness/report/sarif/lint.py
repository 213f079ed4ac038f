"""What lint found, as SARIF."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.analysis.lint import Severity
from harness.report.lint import explanation
from harness.report.sarif.log import Level, Result, Rule, log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.lint import Report, Trap
    from harness.analysis.lint import Rule as LintRule

_LEVELS = {Severity.ERROR: Level.ERROR, Severity.WARNING: Level.WARNING, Severity.INFO: Level.NOTE}
_HEADING = re.compile(r"^## .*\n\n", re.MULTILINE)


def data(report: Report) -> dict[str, Any]:
    """Returns a log with a result for each trap; what the baseline knows is suppressed."""
    return log("lint", map(_result, report.traps), _notes(report))


def _notes(report: Report) -> Iterator[str]:
    for name, why in report.stopped.items():
        yield f"{name}: not checked to the end: {why}"
    for kind, count in sorted(report.missing.items()):
        yield f"not checked: {count} × a reference to a {kind} where the manifests hold none"


def _rule(rule: LintRule) -> Rule:
    page = _HEADING.sub("", explanation(rule), count=1)
    return Rule(rule.id, _LEVELS[rule.severity], rule.title, page)


def _result(trap: Trap) -> Result:
    name = f"{trap.resource} {trap.field}".strip()
    return Result(
        _rule(trap.rule),
        _LEVELS[trap.severity],
        f"{name}: {trap.what}. Why: {trap.why}. Do: {trap.fix}.",
        trap.summary,
        name,
        trap.where,
        suppressed=trap.baselined,
    )
