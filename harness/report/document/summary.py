"""What came of a document's runs, in short."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.report.document.models import Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.report.document.models import Document

SIGNS = {
    Judgement.PASS: "✓",
    Judgement.FAIL: "✕",
    Judgement.INCONCLUSIVE: "?",
    Judgement.SKIP: "–",
    Judgement.NOT_RUN: "○",
}


def counts(document: Document) -> Mapping[Judgement, int]:
    """Returns how many verdicts there are of each kind."""
    return Counter(
        verdict.result
        for scenario in document.scenarios
        for row in scenario.expectations
        for verdict in row.verdicts
    )


def headline(document: Document) -> str:
    """Returns what came of it, in a sentence: all holds only where nothing was left out."""
    totals = counts(document)
    whole = sum(totals.values()) + len(document.not_run)
    proven = totals[Judgement.PASS]
    if document.problems:
        return f"Not all could be run: {proven} of {whole} expectations hold"
    if totals[Judgement.FAIL]:
        return f"{totals[Judgement.FAIL]} of {whole} expectations don't hold"
    if not whole:
        return "Nothing was judged"
    if proven == whole:
        return f"All {whole} expectations hold"
    return f"{proven} of {whole} expectations hold, the others aren't proven"
