"""What lint found, as SARIF 2.1.0: code scanning shows it beside the lines of a change."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.analysis.lint import RULES, Severity
from harness.report.lint import explanation

if TYPE_CHECKING:
    from harness.analysis.lint import Report, Rule, Trap
    from harness.base.places import Position

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_HEADING = re.compile(r"^## .*\n\n", re.MULTILINE)


def data(report: Report) -> dict[str, Any]:
    """Returns a log of one run: the rules that found something, and a result for each trap.

    Files are named from the working directory, which should be the repository's root. What the baseline
    knows is suppressed.
    """
    rules = list(dict.fromkeys(trap.rule.id for trap in report.traps))
    driver = {"name": "harness lint", "rules": [_rule(RULES[name]) for name in rules]}
    results = [_result(trap, rules.index(trap.rule.id)) for trap in report.traps]
    stopped = [
        {"level": "warning", "message": {"text": f"{name}: not checked to the end: {why}"}}
        for name, why in report.stopped.items()
    ]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": stopped}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    page = _HEADING.sub("", explanation(rule), count=1)
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(trap: Trap, index: int) -> dict[str, Any]:
    name = f"{trap.resource} {trap.field}".strip()
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": name}]}
    if trap.where.line:
        location["physicalLocation"] = _place(trap.where)
    result = {
        "ruleId": trap.rule.id,
        "ruleIndex": index,
        "level": _LEVELS[trap.severity],
        "message": {"text": f"{name}: {trap.what}. Why: {trap.why}. Do: {trap.fix}."},
        "locations": [location],
        "partialFingerprints": {"trap/v1": _digest(f"{trap.rule.id} {trap.summary}")},
    }
    return {**result, "suppressions": [{"kind": "external"}] if trap.baselined else []}


def _place(where: Position) -> dict[str, Any]:
    path, root = Path(where.source), Path.cwd()
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {"startLine": where.line, "startColumn": where.column}
    return {"artifactLocation": {"uri": uri}, "region": region}


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
