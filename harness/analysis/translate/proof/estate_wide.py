"""Differences between the meshes themselves, which no object of an estate makes: each is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.compare import causes as compared
from harness.analysis.translate.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.compare import Difference


def causes(difference: Difference) -> Iterable[Finding]:
    """Yields what differs between the meshes that accounts for a difference by itself.

    Services that are added are told of with what they are made of.
    """
    return (Finding.of_all(name) for name in compared.causes(difference) if name != compared.ADDED)
