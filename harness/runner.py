"""The one loop: bring the ground to a stage, then judge what must be true there."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from harness.errors import HarnessError, NotModelledError, StageError
from harness.expectations import Ground, Result, Verdict
from harness.settings import Confidence

if TYPE_CHECKING:
    from harness.providers.base import Provider
    from harness.scenario import Check, Scenario, Stage

log = logging.getLogger(__name__)


class UnreachableError(HarnessError):
    """A stage that can't be reached, through no fault of its own."""


class Runner:
    """Runs one scenario on a provider: its stages in order, each when it is first asked for.

    `shadow` is the model brought along beside a cluster: it predicts and explains. Where it
    doesn't understand a resource it is left behind, and `warnings` says why.
    """

    def __init__(
        self,
        scenario: Scenario,
        provider: Provider,
        shadow: Provider | None = None,
        confidence: Confidence | None = None,
    ) -> None:
        self.scenario = scenario
        self.provider = provider
        self.shadow = shadow
        self.confidence = confidence or Confidence()
        self.warnings: list[str] = []
        self._reached = -1
        self._broken: tuple[int, HarnessError] | None = None

    def judge(self, stage: Stage, check: Check) -> Verdict:
        """Returns the verdict on an expectation of a stage, which is reached first.

        Raises UnreachableError if an earlier stage wasn't reached or a mesh can't be had here,
        StageError if this stage's own transition failed.
        """
        self.reach(self.scenario.stages.index(stage))
        scenario = self.scenario
        ground = Ground(self.provider, scenario.apps, scenario.configs, self.shadow, self.confidence)
        started = time.monotonic()
        try:
            verdict = check.expectation.judge(ground)
        except HarnessError as error:
            verdict = Verdict(Result.INCONCLUSIVE, self.provider.basis, check.name, str(error))
        requests = f"{verdict.n} requests" if verdict.n else "no requests"
        taken = time.monotonic() - started
        log.info("%s::%s: %s after %s, %.1f s", stage.name, check.name, verdict.result, requests, taken)
        return verdict

    def reach(self, index: int) -> None:
        """Brings the ground to a stage, through all stages before it; see `judge` for errors."""
        if index < self._reached:
            self.close()
        for step in range(self._reached + 1, index + 1):
            if self._broken is None:
                self._transition(step)
        if self._broken is not None:
            raise self._unreached(index)

    def close(self) -> None:
        """Takes away what the scenario made; the ground stays for the next one."""
        if self._reached >= 0 or self._broken is not None:
            self.provider.clear()
            if self.shadow is not None:
                self.shadow.clear()
        self._reached, self._broken = -1, None

    def _transition(self, index: int) -> None:
        stage, started = self.scenario.stages[index], time.monotonic()
        try:
            for mesh in sorted(stage.meshes):
                reason = self.provider.lacking(mesh)
                if reason:
                    raise UnreachableError(f"stage {stage.name!r} needs {mesh}: {reason}")
            self._perform(self.provider, stage, first=index == 0)
            self._perform_shadow(stage, first=index == 0)
        except HarnessError as error:
            self._broken = (index, error)
            return
        self._reached = index
        log.info("%s: stage %r reached in %.1f s", self.scenario.path, stage.name, time.monotonic() - started)

    def _perform(self, provider: Provider, stage: Stage, *, first: bool) -> None:
        for mesh in sorted(stage.meshes):
            provider.install(mesh)
        if first:  # namespaces are placed before their pods exist, which spares a restart
            self._place(provider, stage)
            provider.deploy(self.scenario.apps)
        for name in stage.apply:
            provider.apply(self.scenario.configs[name])
        if not first:
            self._place(provider, stage)
        for namespace in stage.restart:
            provider.restart(namespace)
        for name in stage.remove:
            provider.remove(self.scenario.configs[name])
        for mesh in stage.uninstall:
            provider.uninstall(mesh)

    def _perform_shadow(self, stage: Stage, *, first: bool) -> None:
        if self.shadow is None:
            return
        try:
            self._perform(self.shadow, stage, first=first)
        except HarnessError as error:
            kind = "not modelled" if isinstance(error, NotModelledError) else "the model disagrees"
            self.warnings.append(f"no predictions from stage {stage.name!r} on, {kind}: {error}")
            log.warning("%s", self.warnings[-1])
            self.shadow = None

    @staticmethod
    def _place(provider: Provider, stage: Stage) -> None:
        for namespace, meshes in stage.place.items():
            provider.place(namespace, meshes)

    def _unreached(self, index: int) -> HarnessError:
        assert self._broken is not None
        at, error = self._broken
        if isinstance(error, UnreachableError):
            return error
        name = self.scenario.stages[at].name
        if at < index:
            return UnreachableError(f"stage {name!r} before it wasn't reached: {error}")
        return StageError(
            f"stage {name!r} wasn't reached: {error.what}", where=error.where, why=error.why, todo=error.todo
        )
