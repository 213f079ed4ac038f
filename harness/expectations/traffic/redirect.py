"""`redirect`: an answer that sends the client elsewhere."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Literal

from harness.expectations.base import UNKNOWN, Ground, Probing
from harness.expectations.values import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.outcomes import Outcome

STATUSES = (301, 302, 303, 307, 308)

REDIRECTED = "redirected"


class Redirect(Probing):
    """Every answer redirects to this location, with `status` where one is given; it isn't followed."""

    kind: ClassVar[str] = "redirect"

    location: Text
    status: Literal[301, 302, 303, 307, 308] | None = None

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {REDIRECTED: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        if outcome.status not in STATUSES:
            return f"not redirected: {outcome}"
        location = outcome.header("location")
        if self.location.holds(location) and self.status in (None, outcome.status):
            return REDIRECTED
        return f"{outcome.status} to {location}"
