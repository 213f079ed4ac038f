"""What lint found: for a terminal, as plain data, and the pages of its rules."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.analysis.lint import RULES, Severity
from harness.model.state.tables import grouped
from harness.report import served

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.lint import Report, Rule, Trap
    from harness.model import Model

PAGE = "docs/lint-rules.md"
"""The page of the rules, with an anchor for each."""

_PAGE = """# The rules of lint

`harness lint --explain ID` prints one of these. [lint](lint.md) says how to choose and weigh them.

| rule | severity | istioctl | |
|---|---|---|---|
"""


def text(report: Report, model: Model) -> str:
    """Returns the new traps, what can't be told, and a last line that counts all."""
    lines = [f"{trap}\n" for trap in report.new]
    lines.append(served.text(model.state.served, model.unevaluated))
    lines += [
        f"not checked: {count} reference{'s' * (count > 1)} to a {kind} where the manifests hold none\n"
        for kind, count in sorted(report.missing.items())
    ]
    for why, names in grouped((why, name) for name, why in report.stopped.items()).items():
        lines.append(f"not checked to the end: {', '.join(names)}: {why}\n")
    if report.gone:
        lines.append(f"gone: {report.gone} of the baseline; --write-baseline leaves them out\n")
    lines.append(summary(report))
    return "".join(lines)


def summary(report: Report) -> str:
    """Returns the line that counts all."""
    return f"{_summary(report.traps) or 'no known trap'}\n"


def _summary(traps: Iterable[Trap]) -> str:
    """How many there are of each severity, and how many of those the baseline knows."""
    every, baselined = Counter[Severity](), Counter[Severity]()
    for trap in traps:
        every[trap.severity] += 1
        baselined[trap.severity] += trap.baselined
    return ", ".join(
        f"{every[severity]} {severity}{'s' * (every[severity] > 1)}"
        + (f" ({baselined[severity]} in the baseline)" if baselined[severity] else "")
        for severity in Severity
        if every[severity]
    )


def data(report: Report, model: Model) -> dict[str, Any]:
    """Returns the same as plain data, with the traps that the baseline knows."""
    return {
        "traps": [
            {
                "rule": trap.rule.id,
                "severity": trap.severity.value,
                "istioctl": list(trap.rule.istioctl),
                "docs": f"{PAGE}#{trap.rule.id}",
                "where": str(trap.where),
                "resource": str(trap.resource),
                "field": trap.field,
                "what": trap.what,
                "why": trap.why,
                "fix": trap.fix,
                "in_baseline": trap.baselined,
            }
            for trap in report.traps
        ],
        "summary": {
            severity.value: sum(trap.severity is severity for trap in report.new) for severity in Severity
        },
        "in_baseline": {"known": len(report.traps) - len(report.new), "gone": report.gone},
        "not_checked": {"no_objects_of_kind": dict(report.missing), "stopped": dict(report.stopped)},
        "served": served.data(model.state.served, model.unevaluated),
    }


def listing() -> str:
    """Returns a line for each rule."""
    return "".join(f"{rule.id}: {rule.severity}: {rule.title}\n" for rule in RULES.values())


def explanation(rule: Rule) -> str:
    """Returns a rule's page, as Markdown; *names* stand for what a trap names."""
    codes = f", in istioctl {' '.join(rule.istioctl)}" if rule.istioctl else ""
    parts = [f"## {rule.id}\n\n{rule.title}. ({rule.severity}{codes})\n"]
    for case, words in rule.words.items():
        weight = f", {rule.severity_of(case)}" if rule.severity_of(case) is not rule.severity else ""
        name = f" ({case}{weight})" if len(rule.words) > 1 and case else ""
        what, why, fix = (plain(words[part]) for part in ("what", "why", "fix"))
        parts.append(f"- seen{name}: {what}\n- why: {why}\n- do: {fix}\n")
    return "\n".join((*parts, f"Source: {rule.source}\n"))


def page() -> str:
    """Returns the page of all rules; `python -m harness.report.lint > docs/lint-rules.md` writes it."""
    rows = (
        f"| [{rule.id}](#{rule.id}) | {rule.severity} | {' '.join(rule.istioctl)} | {_cell(rule.title)} |\n"
        for rule in RULES.own.values()
    )
    return _PAGE + "".join(rows) + "\n" + "\n".join(map(explanation, RULES.own.values()))


def plain(words: str) -> str:
    """Returns the words of a table with their facts by name."""
    named = re.sub(r"(?<!\{)\{(\w+)(![rs])?\}(?!\})", r"*\1*", words)
    return named.replace("{{", "{").replace("}}", "}")


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
