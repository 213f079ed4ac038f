"""The model brought along beside a cluster: it takes the same steps, and what the two say is compared."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.base.errors import NotModelledError
from harness.base.settings import OnDrift
from harness.expectations import Result
from harness.expectations.verdict import NOT_PREDICTED
from harness.scenario.steps import Install
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from harness.base import Resource
    from harness.expectations import Expectation, Ground, Verdict
    from harness.ground.ground import Provider
    from harness.scenario import Stage
    from harness.scenario.steps import Site, Step

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftBehind:
    """Why the model couldn't take a step that the cluster took: it disagrees, or doesn't know the like."""

    why: str
    disagrees: bool


@dataclass(eq=False)
class Shadow:
    """The model on a site of its own, beside a `provider` that is a cluster.

    Where it can't take a step it is left behind, and the `warnings` are told why.
    """

    site: Site
    provider: Provider
    warnings: list[str]
    _left_behind: LeftBehind | None = None

    @property
    def model(self) -> Provider | None:
        """The model, as long as it follows."""
        return None if self._left_behind else self.site.provider

    def perform(self, stage: Stage, step: Step) -> None:
        """Takes a step that the cluster took."""
        if self._left_behind is not None:
            return
        try:
            step.perform(self.site)
            if isinstance(step, Install) and (installed := self._installed(step)):
                self.site.provider.apply(installed)
        except HarnessError as error:
            disagrees = not isinstance(error, NotModelledError)
            kind = "the model disagrees" if disagrees else "not modelled"
            self._warn(f"no predictions from stage {stage.name!r} on, {kind}: {error}")
            self._left_behind = LeftBehind(f"from stage {stage.name!r} on, {kind}: {error.what}", disagrees)

    def beside(self, verdict: Verdict, expectation: Expectation, ground: Ground) -> Verdict:
        """Returns a cluster's verdict with what the model makes of the expectation, if that isn't told yet.

        Probes compare outcomes themselves; of all other expectations the results are compared. Of a model
        that had to be left behind it is told why.
        """
        left = self._left_behind
        if left is not None:
            drift = left.why if left.disagrees else ""
            return replace(verdict, predicted=NOT_PREDICTED + left.why, drift=drift)
        if verdict.predicted or ground.shadow is None or verdict.basis is Basis.PREDICTED:
            return verdict
        alone = replace(
            ground, provider=ground.shadow, shadow=None, course=ground.shadow_course, shadow_course=None
        )
        try:
            predicted = expectation.judge(alone)
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        drift = ""
        if {predicted.result, verdict.result} == {Result.PASS, Result.FAIL}:
            results = f"{predicted.result} predicted ({predicted.seen}), {verdict.result} observed"
            drift = f"{results} ({verdict.seen})"
        return replace(verdict, predicted=predicted.seen, drift=drift)

    def _installed(self, step: Install) -> tuple[Resource, ...]:
        """What holds for the whole of the meshes that were installed: only the cluster knows."""
        try:
            return self.provider.standing((), step.meshes)
        except HarnessError as error:
            self._warn(f"the model doesn't know what {', '.join(step.meshes)} is set to: {error}")
            return ()

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        log.warning("%s", text)


class DriftWarning(UserWarning):
    """A cluster did otherwise than the model predicts: a bug of the harness, or a surprise in a mesh."""


def enforced(verdict: Verdict, on_drift: OnDrift) -> Verdict:
    """Returns the verdict that drift makes of it: a failure, the same with a notice, or the same without."""
    if not verdict.drift:
        return verdict
    if on_drift is OnDrift.FAIL:
        return replace(verdict, result=Result.FAIL)
    return verdict if on_drift is OnDrift.WARN else replace(verdict, drift="")
