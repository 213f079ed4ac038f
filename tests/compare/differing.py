"""What two configurations do differently, beside what the meshes themselves do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed

if TYPE_CHECKING:
    from harness.analysis.compare import Difference
    from harness.model import State


def differing(before: State, after: State) -> list[Difference]:
    """Returns the differences that configuration makes."""
    return [each for each in compare(before, after).differences if not allowed(each, ["*:mesh"])]
