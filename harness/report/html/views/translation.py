"""A page of what a translation lost and changed, object by object, and of its proof."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.analysis.translate import Severity
from harness.analysis.translate.writer import patch_command
from harness.model.state.tables import grouped
from harness.report import translation
from harness.report.comparison import request_words
from harness.report.html.rendering import rendered

if TYPE_CHECKING:
    from harness.analysis.translate import Translation
    from harness.analysis.translate.proof import Proof

_TONES = {
    Severity.LOST: "fail",
    Severity.CHANGED: "inconclusive",
    Severity.CHECK: "skip",
    Severity.REPAIRED: "pass",
}


def page(made: Translation, proof: Proof | None = None) -> str:
    """Returns the HTML: what isn't proven, findings by object, patches, differences."""
    counts = Counter(finding.severity for finding in made.findings)
    sums = [(_TONES[each], f"{counts[each]} {each}") for each in Severity if counts[each]]
    if proof and proof.unproven:
        sums.insert(0, ("fail", f"{len(proof.unproven)} not proven"))
    return rendered(
        "translation.html",
        kicker=f"Configuration of {made.source.title()} translated for {made.target.title()}",
        headline=_headline(proof),
        sums=sums,
        notes=[translation.summary(made), *([translation.verdict(proof)] if proof else [])],
        about="every answer is predicted by the model.",
        proof=proof,
        objects=grouped((finding.resource, finding) for finding in made.findings),
        patches=[(patch, patch_command(patch)) for patch in made.patches],
        kept=made.kept,
        tones=_TONES,
        request_words=request_words,
    )


def _headline(proof: Proof | None) -> str:
    if proof is None:
        return "The translation isn't proven: nothing was compared"
    return "Not all of the translation is proven" if proof.unproven else "The translation is proven"
