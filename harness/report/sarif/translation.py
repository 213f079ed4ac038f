"""What a translation lost and changed, and what isn't proven of it, as SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate import Severity
from harness.analysis.translate.finding import words
from harness.report.lint import plain
from harness.report.sarif.log import NOWHERE, Level, Result, Rule, log

if TYPE_CHECKING:
    from harness.analysis.translate import Finding, Translation
    from harness.analysis.translate.proof import Proof
    from harness.analysis.translate.proof.proof import Unproven

_LEVELS = {
    Severity.LOST: Level.ERROR,
    Severity.CHANGED: Level.WARNING,
    Severity.CHECK: Level.NOTE,
    Severity.REPAIRED: Level.NOTE,
}
_NOT_PROVEN = Rule(
    "not-proven",
    Level.ERROR,
    "What requests show of the translation has no partner among the findings, or isn't decided",
)


def data(made: Translation, proof: Proof | None = None) -> dict[str, Any]:
    """Returns a log with a result for each finding, and for what isn't proven."""
    results = list(map(_result, made.findings))
    if proof is None:
        return log("translate", results, ["the translation wasn't proven: nothing was compared"])
    return log("translate", [*results, *map(_unproven, proof.unproven)])


def _rule(finding: Finding) -> Rule:
    why, todo = map(plain, words(finding.code))
    page = f"- why: {why}\n" + (f"- do: {todo}\n" if todo else "")
    title = f"{finding.topic}: {finding.severity} by the translation"
    return Rule(finding.code, _LEVELS[finding.severity], title, page)


def _result(finding: Finding) -> Result:
    name = f"{finding.resource} {finding.subject}".strip()
    todo = f" Do: {finding.todo}." if finding.todo else ""
    return Result(
        _rule(finding),
        _LEVELS[finding.severity],
        f"{name}: {finding.severity}. Why: {finding.why}.{todo}",
        name,
        name,
        finding.position,
    )


def _unproven(each: Unproven) -> Result:
    todo = f" Do: {each.todo}." if each.todo else ""
    where = each.place.position if each.place else NOWHERE
    name = each.what.partition("\n")[0]
    text = f"not proven: {each.what}\nWhy: {each.why}.{todo}"
    return Result(_NOT_PROVEN, Level.ERROR, text, f"{each.what} {each.why}", name, where)
