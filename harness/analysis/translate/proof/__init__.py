"""Is a translation what it says of itself? Each difference has its finding, each loss its difference.

`prove(resources, translation)` compares the estate with what becomes of it, for every class of requests.
"""

from __future__ import annotations

from harness.analysis.translate.proof.proof import Explained, Proof, Unproven, prove

__all__ = ["Explained", "Proof", "Unproven", "prove"]
