"""The one loop: bring the ground to a stage, then judge what must be true there."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from harness.base import HarnessError, StageError
from harness.base.errors import NotPredictedError
from harness.base.settings import Confidence, OnDrift
from harness.cluster.ownership.ownership import Entry
from harness.expectations import Ground, Result, Verdict
from harness.manifests.objects import from_api
from harness.run.background import Background
from harness.run.chronicle import Chronicle
from harness.run.instead import in_place
from harness.run.record import StageRecord
from harness.run.shadow import Shadow, enforced
from harness.scenario.steps import Run
from harness.traffic.observables import Basis
from harness.traffic.outside import NOTHING_KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cluster.ownership.ownership import Journal
    from harness.ground.ground import Provider
    from harness.run.record import Recorder
    from harness.scenario import Check, Scenario, Stage
    from harness.scenario.steps import Site, Step

log = logging.getLogger(__name__)


class UnreachableError(HarnessError):
    """A stage that can't be reached, through no fault of its own."""


@dataclass(frozen=True)
class Broken:
    """A transition that failed: to which stage, in which step, and why."""

    index: int
    doing: str
    error: HarnessError


@dataclass(frozen=True)
class RunSettings:
    """How a scenario is run.

    `allow_run` lets its commands run on this machine, `checking` has the meshes check themselves after each
    stage; `on_drift` says what becomes of an expectation where model and cluster disagree.
    """

    confidence: Confidence = field(default_factory=Confidence)
    allow_run: bool = False
    checking: bool = True
    on_drift: OnDrift = OnDrift.WARN


@dataclass(eq=False)
class Runner:
    """Runs one scenario on a provider: its stages in order, each when it is first asked for.

    `shadow` is the model brought along beside a cluster: it predicts and explains. Where it
    doesn't understand a resource it is left behind, and `warnings` says why. On a lasting cluster the
    `journal` is told which stage was reached. The `recorder` is told what came back of each probe, the
    `chronicle` what became of each stage.
    """

    scenario: Scenario
    provider: Provider
    shadow: Provider | None = None
    settings: RunSettings = RunSettings()
    journal: Journal | None = field(default=None, kw_only=True)
    recorder: Recorder | None = field(default=None, kw_only=True)
    chronicle: Chronicle = field(default_factory=Chronicle, kw_only=True)
    warnings: list[str] = field(default_factory=list, init=False)
    _first: int = field(default=0, init=False)
    _reached: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        notes = list(self.scenario.notes)
        if self.scenario.undecided:
            notes.append(f"not decided, and so not proven: {', '.join(sorted(self.scenario.undecided))}")
        self.warnings += (f"{self.scenario.path}: {note}" for note in notes)
        self._begin()

    def judge(self, stage: Stage, check: Check) -> Verdict:
        """Returns the verdict on an expectation of a stage, which is reached first.

        Raises UnreachableError if an earlier stage wasn't reached or a mesh can't be had here,
        StageError if this stage's own transition failed.
        """
        self.reach(self.scenario.stages.index(stage))
        site, record = self._site, None
        if self.recorder is not None:
            made = tuple(chain(self.scenario.apps, *site.configs.values()))
            record = StageRecord(self.recorder, self.provider, self.scenario, stage, made)
        ground = Ground(
            self.provider,
            site.apps,
            site.configs,
            self._shadow.model if self._shadow else None,
            self.settings.confidence,
            site.translations,
            record=record,
        )
        started = time.monotonic()
        try:
            verdict = in_place(
                check, check.expectation.judge(self._with_course(ground, stage, check)), ground
            )
        except UnreachableError:
            raise
        except NotPredictedError as error:
            raise UnreachableError(f"not predicted: {error.what}") from None
        except HarnessError as error:
            verdict = Verdict(Result.INCONCLUSIVE, self.provider.basis, check.name, str(error))
        verdict = self._unless_undecided(verdict)
        if self._shadow is not None:
            verdict = enforced(
                self._shadow.beside(verdict, check.expectation, ground), self.settings.on_drift
            )
        requests = f"{verdict.n} requests" if verdict.n else "no requests"
        taken = time.monotonic() - started
        log.info("%s::%s: %s after %s, %.1f s", stage.name, check.name, verdict.result, requests, taken)
        return verdict

    def _unless_undecided(self, verdict: Verdict) -> Verdict:
        """The verdict; a pass is none where something may count that the ground leaves out."""
        accepted = self.scenario.undecided
        left_out = [each for each in self.provider.undecided() if str(each.resource) not in accepted]
        if not left_out or verdict.result is not Result.PASS:
            return verdict
        names = ", ".join(dict.fromkeys(str(each.resource) for each in left_out))
        todo = f"judge it on a cluster; or answer for it in the scenario: undecided: [{names}]"
        evidence = (*verdict.evidence, *map(str, left_out), todo)
        return replace(verdict, result=Result.INCONCLUSIVE, evidence=evidence)

    def _with_course(self, ground: Ground, stage: Stage, check: Check) -> Ground:
        """The ground with what became of the check's load; raises UnreachableError if there was none."""
        if check.name not in stage.loads:
            return ground
        if stage.name not in self._background:
            raise UnreachableError(f"an earlier run made the transition to stage {stage.name!r}")
        here, beside = self._background[stage.name]
        return replace(ground, course=here.course(check.name), shadow_course=beside.forecast(check.name))

    def reach(self, index: int) -> None:
        """Brings the ground to a stage, from its beginning on; see `judge` for errors."""
        first = self.scenario.beginning(index)
        if first != self._first or index < self._reached:
            self.close()
            self._first, self._reached = first, first - 1
        for step in range(self._reached + 1, index + 1):
            if self._broken is None:
                self._transition(step)
        if self._broken is not None:
            raise self._unreached(index)

    def extend(self, scenario: Scenario) -> None:
        """Takes a scenario that begins as the one before, and has more stages, configs or expectations."""
        self.scenario = scenario
        for site in (self._site, *([self._shadow.site] if self._shadow else ())):
            site.extend(scenario.configs, scenario.translations, scenario.sources)

    def resume(self, entry: Entry) -> None:
        """Goes on from where another run has brought the cluster to."""
        self._reached = len(entry.stages) - 1
        self._first = self.scenario.beginning(self._reached)
        self._site.applied = list(entry.applied)
        for name, objects in entry.translated.items():
            self._site.configs[name] = from_api(objects, "")
        self.provider.remember(entry.memory)
        for stage in self.scenario.stages[self._first : self._reached + 1]:
            for step in stage.steps:
                self._follow(stage, step)
        log.info("%s: resumed at stage %r", self.scenario.path, self.scenario.stages[self._reached].name)

    def stands(self) -> str:
        """Returns where the ground is left standing."""
        names = [stage.name for stage in self.scenario.stages]
        where = f"{self.scenario.path}: cluster {self.provider.kept_as}"
        if self._reached < 0:
            return f"{where} didn't reach stage {names[0]!r}"
        later = names[self._reached + 1 :]
        where = f"{where} is at stage {names[self._reached]!r}"
        again = f"--harness-reuse --cluster-name {self.provider.kept_as}"
        return f"{where}; go on with {again} --from {later[0]!r}" if later else where

    def close(self) -> None:
        """Takes away what the scenario made; the ground stays for the next one."""
        if self._reached >= self._first or self._broken is not None:
            self.provider.clear()
            if self.shadow is not None:
                self.shadow.clear()
            if self.journal is not None:
                self.journal.forget()
        self._begin()

    def _begin(self) -> None:
        self._first, self._reached = 0, -1
        self._broken: Broken | None = None
        if self.scenario.outside != NOTHING_KNOWN:
            for ground in filter(None, (self.provider, self.shadow)):
                ground.assume(self.scenario.outside)
        self._site: Site = self.scenario.site(self.provider, allow_run=self.settings.allow_run)
        self._shadow: Shadow | None = None
        if self.shadow is not None:
            site = self.scenario.site(self.shadow, allow_run=True)
            self._shadow = Shadow(site, self.provider, self.warnings)
        self._background: dict[str, tuple[Background, Background]] = {}

    def _transition(self, index: int) -> None:
        stage, started, doing = self.scenario.stages[index], time.monotonic(), ""
        self.chronicle.begin()
        try:
            self._refuse_unreachable(stage)
            self.provider.excuse(stage.unready)
            with self._loaded(stage) as (here, beside):
                for step in stage.steps:
                    doing = str(step)
                    log.info("%s: %s", stage.name, doing)
                    here.step(doing)
                    beside.step(doing)
                    with self.chronicle.step(doing):
                        step.perform(self._site)
                        self._note(index)
                    self._follow(stage, step)
            doing = "the meshes' own checks"
            if self.settings.checking and not stage.unready:  # they would find just these faults
                self.provider.check(stage.accepted)
        except HarnessError as error:
            self._broken = Broken(index, doing, error)
            self.chronicle.end(index, self.scenario, self.provider, str(error))
            return
        self.chronicle.end(index, self.scenario, self.provider)
        self._reached = index
        self._note(index + 1)
        log.info("%s: stage %r reached in %.1f s", self.scenario.path, stage.name, time.monotonic() - started)

    @contextmanager
    def _loaded(self, stage: Stage) -> Iterator[tuple[Background, Background]]:
        """Sends the stage's loads meanwhile, on the provider and on the model beside it."""
        model = self._shadow.model if self._shadow else None
        with Background(self.provider, stage.loads) as here, Background(model, stage.loads) as beside:
            self._background[stage.name] = here, beside
            yield here, beside

    def _follow(self, stage: Stage, step: Step) -> None:
        if self._shadow is not None:
            self._shadow.perform(stage, step)

    def _refuse_unreachable(self, stage: Stage) -> None:
        lacking = ((mesh, self.provider.lacking(mesh, wanted)) for mesh, wanted in stage.meshes.items())
        unable = ((need, self.provider.unable(need)) for need in stage.needs)
        for what, reason in chain(lacking, unable):
            if reason:
                raise UnreachableError(f"stage {stage.name!r} needs {what}: {reason}")
        for step in stage.steps:
            if isinstance(step, Run) and self.provider.basis is Basis.PREDICTED:
                raise UnreachableError(
                    f"stage {stage.name!r} needs a cluster: what `{step.text}` does isn't modelled"
                )

    def _note(self, reached: int) -> None:
        """Tells the journal how many stages are reached, and what is on the cluster by now."""
        if self.journal is None:
            return
        site = self._site
        anew = [name for name in site.applied if name in site.sources]
        translated = {name: [resource.data for resource in site.configs[name]] for name in anew}
        stages = tuple((stage.name, stage.digest) for stage in self.scenario.stages[:reached])
        path, memory = str(self.scenario.path.resolve()), dict(self.provider.memory())
        self.journal.write(Entry(path, stages, memory, tuple(site.applied), translated))

    def _unreached(self, index: int) -> HarnessError:
        assert self._broken is not None
        error = self._broken.error
        if isinstance(error, UnreachableError):
            return error
        name = self.scenario.stages[self._broken.index].name
        if self._broken.index < index:
            return UnreachableError(f"stage {name!r} before it wasn't reached: {error}")
        what = f"stage {name!r} wasn't reached, at `{self._broken.doing}`: {error.what}"
        return StageError(what, where=error.where, why=error.why, todo=error.todo)
