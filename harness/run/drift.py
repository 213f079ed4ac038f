"""Model drift: what a cluster does otherwise than the model predicts of the same objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.base.settings import OnDrift
from harness.expectations import Result
from harness.expectations.verdict import NOT_PREDICTED
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from harness.expectations import Expectation, Ground, Verdict
    from harness.ground.ground import Provider


class DriftWarning(UserWarning):
    """A cluster did otherwise than the model predicts: a bug of the harness, or a surprise in a mesh."""


def alone(ground: Ground, shadow: Provider) -> Ground:
    """Returns the ground with the model in the cluster's place."""
    return replace(ground, provider=shadow, shadow=None, course=ground.shadow_course, shadow_course=None)


def beside(verdict: Verdict, expectation: Expectation, ground: Ground) -> Verdict:
    """Returns a cluster's verdict with what the model makes of the expectation, if that isn't told yet.

    Probes compare outcomes themselves; of all other expectations the results are compared.
    """
    if verdict.predicted or ground.shadow is None or verdict.basis is Basis.PREDICTED:
        return verdict
    try:
        predicted = expectation.judge(alone(ground, ground.shadow))
    except HarnessError as error:
        return replace(verdict, predicted=NOT_PREDICTED + error.what)
    results = {predicted.result, verdict.result}
    drift = ""
    if len(results) > 1 and Result.INCONCLUSIVE not in results:
        drift = f"{predicted.result} predicted ({predicted.seen}), {verdict.result} observed ({verdict.seen})"
    return replace(verdict, predicted=predicted.seen, drift=drift)


def enforced(verdict: Verdict, on_drift: OnDrift) -> Verdict:
    """Returns the verdict that drift makes of it: a failure, the same with a notice, or the same without."""
    if not verdict.drift:
        return verdict
    if on_drift is OnDrift.FAIL:
        return replace(verdict, result=Result.FAIL)
    return verdict if on_drift is OnDrift.WARN else replace(verdict, drift="")
