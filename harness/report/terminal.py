"""For a terminal: verdicts, a failure in full and a table of all; and a transition's timeline."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from harness.base.display import line, shown
from harness.expectations.verdict import NOT_PREDICTED
from harness.report.decision import printed
from harness.traffic.timeline import LATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.expectations import Explanation, Verdict
    from harness.scenario import Check, Stage

STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "bold yellow", "skip": "dim"}


def explained(stage: Stage, check: Check, verdict: Verdict) -> str:
    """Returns all that is known of a verdict: the expectation's lines, what was expected and seen, why."""
    lines = [
        f"{check.where}: {check.name} (stage {stage.name!r}): {verdict.result.upper()}",
        check.source,
        "",
        f"expected: {verdict.expected}",
        f"{verdict.basis}: {verdict.seen}",
    ]
    if verdict.n:
        lines.append(f"requests: {verdict.n}")
        lines += [
            f"  {share.label}: {share.count} of {verdict.n}, {share.seen:.2%} "
            f"(99.9 % interval {share.interval[0]:.2%} to {share.interval[1]:.2%}), "
            f"expected {share.expected:.2%}"
            for share in verdict.shares
            if share.interval
        ]
    if verdict.predicted:
        lines.append(beside(verdict))
    lines += [f"evidence: {evidence}" for evidence in verdict.evidence]
    return shown("\n".join([*lines, *_reasons(verdict.explanations)]))


def beside(verdict: Verdict) -> str:
    """Returns what the model says beside a cluster, and whether the two disagree."""
    words = f"{'' if verdict.predicted.startswith(NOT_PREDICTED) else 'predicted: '}{verdict.predicted}"
    return f"{words}\nmodel drift: {verdict.drift}" if verdict.drift else words


def _reasons(explanations: tuple[Explanation, ...]) -> Iterator[str]:
    """The traces: first what tells the classes apart, then what they have in common."""
    several = len(explanations) > 1
    common = [
        reason
        for reason in (explanations[0].trace if several else ())
        if all(reason in other.trace for other in explanations)
    ]
    for explanation in explanations:
        yield f"why {explanation.label}:"
        yield from (f"  - {reason}" for reason in explanation.trace if reason not in common)
    if common:
        yield "and in all cases:"
        yield from (f"  - {reason}" for reason in common)


def table(rows: Iterable[dict[str, Any]], width: int, *, colour: bool) -> str:
    """Returns the verdicts as a table, a line each; a row is what a test report holds of a verdict."""
    view = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
    view.add_column("stage and expectation", no_wrap=True, ratio=5)
    view.add_column("verdict", no_wrap=True)
    view.add_column("requests", justify="right", no_wrap=True)
    view.add_column("predicted or observed", no_wrap=True, ratio=6)
    scenario, stage = "", ""
    for row in rows:
        if row["scenario"] != scenario:
            scenario, stage = row["scenario"], ""
            view.add_row(Text(line(scenario), style="bold"))
        if row["stage"] != stage:
            stage = row["stage"]
            view.add_row(Text(f"  {stage}", style="italic"))
        drift = f"; MODEL DRIFT: {row['predicted']} predicted" if row["drift"] else ""
        view.add_row(
            Text(f"    {row['name']}"),
            Text(row["result"], style=STYLES.get(row["result"], "")),
            "" if not row["basis"] else "exact" if row["basis"] == "predicted" else str(row["n"] or "-"),
            Text(line(" ".join(f"{row['basis']}: {row['seen']}".removeprefix(": ").split()) + drift)),
        )
    return printed(view, max(width, 120), colour=colour)


def summary(timeline: Mapping[str, Any], file: Path | None = None) -> str:
    """Returns a line for each step, from what `Timeline.as_json` tells; `file` is where all of it is kept."""
    lines = [f"{timeline['load']}, from {timeline['began']}"]
    for step in timeline["steps"]:
        counts = step["requests"]
        parts = [f"{counts['turns']} requests", f"{counts['failed']} failed"]
        if counts["unknown"]:
            parts.append(f"{counts['unknown']} not known")
        parts.append(f"slowest {counts['slowest']:.2f} s")
        if counts["latest"] > LATE:
            parts.append(f"started up to {counts['latest']:.1f} s late")
        changes = Counter(
            pod["phase"] for pod in timeline["pods"] if step["start"] <= pod["at"] < step["end"]
        )
        if changes:
            parts.append("pods: " + ", ".join(f"{count} {phase}" for phase, count in changes.items()))
        lines.append(f"{step['start']:7.2f} s  {step['doing']}: {', '.join(parts)}")
    if file:
        lines.append(f"kept as {file}")
    return "\n".join(lines)
