"""Differences between the meshes themselves, which no object of an estate makes: each is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.compare import causes as compared
from harness.analysis.translate.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.compare import Difference


def causes(difference: Difference) -> Iterable[Finding]:
    """Yields what differs between the meshes that accounts for a difference by itself."""
    return map(Finding.of_all, compared.causes(difference))
