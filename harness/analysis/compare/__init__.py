"""Are two configurations the same for every request?

`compare(before, after)` decides every class of requests that the two can tell apart in the model of each.
"""

from __future__ import annotations

from harness.analysis.compare.comparison import Comparison, compare
from harness.analysis.compare.difference import Difference

__all__ = ["Comparison", "Difference", "compare"]
