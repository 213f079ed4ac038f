"""An expectation in the place of another one, which mustn't hold there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.expectations import Result
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from harness.expectations import Ground, Verdict
    from harness.scenario import Check


def in_place(check: Check, verdict: Verdict, ground: Ground) -> Verdict:
    """Returns the verdict; one in another's place says so, and fails where that other holds.

    The model tells that; where a cluster does otherwise, it is the verdict's own.
    """
    if check.asked is None:
        return verdict
    verdict = replace(verdict, evidence=(*verdict.evidence, f"in this stage, because {check.because}"))
    if verdict.result is not Result.PASS or ground.provider.basis is not Basis.PREDICTED:
        return verdict
    if check.asked.judge(ground).result is Result.FAIL:
        return verdict
    words = "what it stands in for isn't shown to fail: take `instead` away, or say what is different"
    return replace(verdict, result=Result.FAIL, evidence=(*verdict.evidence, words))
