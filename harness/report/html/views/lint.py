"""A page of the known traps in a configuration, by file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint import Severity
from harness.model.state.tables import grouped
from harness.report.html.rendering import rendered

if TYPE_CHECKING:
    from harness.analysis.lint import Report
    from harness.model import Model

_TONES = {Severity.ERROR: "fail", Severity.WARNING: "inconclusive", Severity.INFO: "skip"}


def page(report: Report, model: Model) -> str:
    """Returns the HTML: new traps by file, the worst first; then known ones, and what wasn't asked."""
    order = list(Severity)
    new = sorted(report.new, key=lambda trap: order.index(trap.severity))
    counts = [(each, sum(trap.severity is each for trap in new)) for each in Severity]
    unasked = [
        *(f"{name}: not checked to the end: {why}" for name, why in report.stopped.items()),
        *(
            f"{count} × a reference to a {kind}, of which there is none"
            for kind, count in report.missing.items()
        ),
        *(f"not evaluated: {rule}" for rule in model.unevaluated),
    ]
    sums = [(_TONES[each], f"{count} {each}{'s' * (count > 1)}") for each, count in counts if count]
    return rendered(
        "lint.html",
        kicker="Known traps in a configuration",
        headline=_headline(len(new), len(report.traps)),
        sums=sums + ([("inconclusive", f"{len(unasked)} not asked to the end")] if unasked else []),
        notes=[],
        about="what no rule knows isn't found.",
        files=sorted(grouped((trap.where.source or "no file", trap) for trap in new).items()),
        known=[trap for trap in report.traps if trap.baselined],
        unasked=unasked,
        tones=_TONES,
    )


def _headline(new: int, every: int) -> str:
    if not new:
        return "No trap but those of the baseline" if every else "No known trap"
    return f"{new} known trap{'s' * (new != 1)}"
