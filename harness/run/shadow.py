"""The model brought along beside a cluster: it takes the same steps, until it can't follow."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.base.errors import HarnessError, NotModelledError
from harness.expectations.verdict import NOT_PREDICTED
from harness.run.drift import beside
from harness.scenario.steps import Install

if TYPE_CHECKING:
    from harness.base.resources import Resource
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


class Shadow:
    """The model on a site of its own, beside a `provider` that is a cluster.

    Where it can't take a step it is left behind, and the `warnings` are told why.
    """

    def __init__(self, site: Site, provider: Provider, warnings: list[str]) -> None:
        self.site = site
        self.warnings = warnings
        self._provider = provider
        self._left_behind: LeftBehind | None = None

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
        """Returns the verdict with what the model says, or why it had to be left behind."""
        left = self._left_behind
        if left is None:
            return beside(verdict, expectation, ground)
        return replace(verdict, predicted=NOT_PREDICTED + left.why, drift=left.why if left.disagrees else "")

    def _installed(self, step: Install) -> tuple[Resource, ...]:
        """What holds for the whole of the meshes that were installed: only the cluster knows."""
        try:
            return self._provider.standing((), step.meshes)
        except HarnessError as error:
            self._warn(f"the model doesn't know what {', '.join(step.meshes)} is set to: {error}")
            return ()

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        log.warning("%s", text)
