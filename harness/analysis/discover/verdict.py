"""What becomes of something of Istio's under Linkerd, in one word."""

from __future__ import annotations

from enum import StrEnum

from harness.analysis.translate import Severity


class Verdict(StrEnum):
    """What becomes of a feature or a setting, the worst first."""

    NO_EQUIVALENT = "no equivalent"
    """Nothing in Linkerd or the Gateway API does this."""
    CHANGES = "changes"
    """Something does it, but differently, or under an assumption that only the user can check."""
    CHECK = "check"
    """It isn't known what this does."""
    TRANSLATES = "translates"
    """It is carried over as it is, or goes with Istio and is missed by nobody."""

    @property
    def rank(self) -> int:
        """How bad it is; 0 is the worst."""
        return list(Verdict).index(self)


OF_SEVERITY = {
    Severity.LOST: Verdict.NO_EQUIVALENT,
    Severity.CHANGED: Verdict.CHANGES,
    Severity.CHECK: Verdict.CHANGES,
    Severity.REPAIRED: Verdict.TRANSLATES,
}
