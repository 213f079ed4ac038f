"""The provider of a pytest run, and the scenario that it stands at."""

from __future__ import annotations

import json
import re
import secrets
import time
from contextlib import ExitStack
from fractions import Fraction
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.base import HarnessError, InputError, MissingError, did_you_mean
from harness.base.files import write_text
from harness.base.settings import Confidence, OnDrift
from harness.ground.choice import SHARED_KUBECONFIG, SHARED_NAME, Choice, Knobs
from harness.plugin.reporting import wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from harness.expectations import Verdict
    from harness.ground.ground import Provider
    from harness.report.document.parts import Teller
    from harness.run.record import Recorder
    from harness.run.runner import Runner
    from harness.scenario import Check, Scenario, Stage

PROPERTY = "harness"
"""The user property of a test report that holds a verdict."""

HEALTH = ("each", "none")


class Runs:
    """The one provider of this process, made when the first scenario needs it, and its runner."""

    def __init__(self, config: pytest.Config) -> None:
        self.knobs = Knobs(config)
        self.config = config
        self._provider: Provider | None = None
        self._runner: Runner | None = None
        self._unclean = False
        self._began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self._bundles: dict[str, Path | None] = {}
        self.warnings: list[str] = []
        self._without_images: dict[Path, MissingError] = {}
        self.recorder: Recorder | None = None
        if record := self.knobs.text("record"):
            from harness.run.record import Recorder  # most runs record nothing

            self.recorder = Recorder(Path(record))
        self.teller: Teller | None = None
        if wanted(self.knobs):
            from harness.report.document.parts import Teller  # most runs tell none

            self.teller = Teller()
        self._turn = ExitStack()
        self._worker: dict[str, str] = getattr(config, "workerinput", {})
        self._choice = Choice(self.knobs, config, self._worker)
        self._run = secrets.token_hex(8)

    @property
    def kind(self) -> str:
        """The provider's name; raises InputError if there is no such provider."""
        return self._choice.kind

    def preflight(self) -> None:
        """Raises InputError for a wrong knob, MissingError for what the provider needs and isn't there."""
        self.confidence()
        self.knobs.count("parallel")
        for name in ("request-timeout", "cluster-timeout"):
            self.knobs.positive(name)
        for knob, valid in {"health": HEALTH, "drift": tuple(OnDrift)}.items():
            if self.knobs.text(knob) not in valid:
                raise InputError(did_you_mean(self.knobs.text(knob), valid), where=f"--harness-{knob}")
        if self.recorder is not None and self.kind == "model":
            raise InputError(
                "nothing is observed on the model",
                where="--harness-record",
                todo="choose a --harness-provider",
            )
        if self.config.getoption("numprocesses", default=None):
            bounded = self.knobs.text("from") or self.knobs.text("until")
            what = (
                "--harness-record needs"
                if self.recorder
                else "--harness-from and --harness-until need"
                if bounded
                else ""
            )
            if what:
                raise InputError(f"{what} one process", todo="leave -n out")
        if self.kind != "model":
            from harness.traffic.statistics import looks

            looks(dict.fromkeys("ab", Fraction(1, 2)), self.confidence())  # refuses what takes too long
            self.provider.preflight()

    def ready(self, scenarios: Collection[Scenario]) -> None:
        """Raises MissingError if no scenario can begin, or have its images; one that can't is skipped."""
        reason = self._lacking(scenarios)
        if reason:
            raise MissingError(f"no scenario can start: {reason}")
        for scenario in scenarios:
            try:
                self.provider.require(chain(scenario.apps, *scenario.configs.values()))
            except MissingError as error:
                self._without_images[scenario.path] = error
        if len(self._without_images) == len(scenarios):
            raise next(iter(self._without_images.values()))
        self.warnings += (f"{path}: skipped: {error}" for path, error in self._without_images.items())

    def _lacking(self, scenarios: Iterable[Scenario]) -> str | None:
        reasons: dict[str, None] = {}
        for stage in (stage for scenario in scenarios for stage in scenario.beginnings):
            lacking = [self.provider.lacking(*item) for item in stage.meshes.items()]
            if not any(lacking):
                return None
            reasons |= dict.fromkeys(reason for reason in lacking if reason)
        return "; ".join(reasons) or None

    def tell(
        self,
        item: pytest.Item,
        file: str,
        at: tuple[Scenario, Stage, Check],
        result: str,
        seen: str,
        verdict: Verdict | None,
    ) -> None:
        """Leaves with an item what a report tells of a verdict, if there shall be one."""
        if self.teller is not None:
            scenario, stage, check = at
            runner = self._runner if self._runner and self._runner.scenario is scenario else None
            part = self.teller.part(file, runner, scenario, stage, check, verdict, result, seen)
            item.stash.setdefault(PARTS, []).append(part)

    @property
    def provider(self) -> Provider:
        """The provider, made at first use."""
        if self._provider is None:
            self._provider = self._choice.make()
        return self._provider

    def runner(self, scenario: Scenario) -> Runner:
        """Returns the scenario's runner; the one before is closed first, since they share the ground.

        Raises UnreachableError if the scenario's images can't be had.
        """
        if self._runner is None or self._runner.scenario is not scenario:
            from harness.cluster.ownership.ownership import Journal
            from harness.run.chronicle import Chronicle
            from harness.run.runner import Runner, RunSettings, UnreachableError

            if scenario.path in self._without_images:
                raise UnreachableError(str(self._without_images[scenario.path]))

            self.leave()
            self._take_turn(scenario)
            shadow = self._choice.model() if self.kind != "model" else None
            journal = Journal(self.provider.kept_as) if self.provider.kept_as else None
            runner = Runner(
                scenario,
                self.provider,
                shadow,
                RunSettings(
                    self.confidence(),
                    allow_run=self.knobs.flag("allow-run"),
                    checking=self.knobs.text("health") == "each",
                    on_drift=OnDrift(self.knobs.text("drift")),
                ),
                journal=journal,
                recorder=self.recorder,
                chronicle=Chronicle(looking=self.teller is not None),
            )
            self._begin(runner)
            self._runner = runner
        return self._runner

    def isolated(self, scenario: Scenario) -> Scenario:
        """Returns the scenario as it runs here: where the cluster is shared, in namespaces of its own."""
        if self._choice.sharing is None:
            return scenario
        from harness.scenario.isolation import isolated, needs_whole_cluster

        if needs_whole_cluster(scenario):
            return scenario
        seed = f"{self._worker.get('testrunuid', self._run)} {scenario.path}"
        return isolated(scenario, f"t{sha256(seed.encode()).hexdigest()[:5]}-")

    def share(self) -> dict[str, str]:
        """Returns what a worker must know to share this process's cluster, which is made; {} if it shan't."""
        if self.kind != "kind" or not self.knobs.flag("shared-cluster"):
            return {}
        from harness.ground.kind import KindProvider

        assert isinstance(self.provider, KindProvider)
        kubeconfig = str(self.provider.share())
        return {SHARED_NAME: self.provider.cluster_name, SHARED_KUBECONFIG: kubeconfig}

    def _take_turn(self, scenario: Scenario) -> None:
        """Waits until the scenario can run beside what other processes run on the cluster."""
        if self._choice.sharing is None:
            return
        from harness.cluster.ownership.ownership import turn
        from harness.scenario.isolation import needs_whole_cluster

        alone = needs_whole_cluster(scenario) is not None
        self._turn.enter_context(turn(self._choice.sharing, "scenarios", alone=alone))

    def window(self, scenarios: Collection[Scenario]) -> range | None:
        """Returns which stages of the one scenario run, None if all of all do.

        Raises InputError where --from and --until can't be meant so.
        """
        first, last = self.knobs.text("from"), self.knobs.text("until")
        if not (first or last):
            return None
        from harness.run.resumption import resumable, window

        stages = window(scenarios, first, last)
        if first and self.kind != "model":
            resumable(self.provider.kept_as, next(iter(scenarios)), stages.start)
        return stages

    def _begin(self, runner: Runner) -> None:
        """Has a runner go on from what the journal says, or clears that away."""
        if runner.journal is None:
            return
        start = self.knobs.text("from")
        if start:
            from harness.run.resumption import resumable

            names = [stage.name for stage in runner.scenario.stages]
            runner.resume(resumable(self.provider.kept_as, runner.scenario, names.index(start)))
        elif left := runner.journal.read():
            self.provider.remember(left.memory)
            self.provider.clear()
            runner.journal.forget()

    def close(self) -> bool:
        """Ends the last scenario's run, then the provider's work; returns whether all was cleaned up.

        What wasn't is told by the warnings: a failure to clean up must not hide the verdicts.
        """
        self.leave()
        if self.recorder is not None:
            self._cleaning(self.recorder.write, "the record")
        provider, self._provider = self._provider, None
        if provider is not None:
            self._cleaning(provider.close, "the provider")
        return not self._unclean

    def bundle(self, item: pytest.Item) -> Path | None:
        """Returns a folder with what the cluster was like when the stage first failed; None on the model."""
        stage = item.parent.nodeid if item.parent else item.nodeid
        if self._provider is None or self.kind == "model":
            return None
        if stage not in self._bundles:
            from harness.ground.cluster import ClusterProvider

            folder = self.config.rootpath / self.knobs.text("bundle") / self._began / _file_name(stage)
            try:
                made = isinstance(self._provider, ClusterProvider) and self._provider.diagnose(folder)
            except (HarnessError, OSError) as error:  # what failed is told all the same
                self.warnings.append(f"no bundle of {stage}: {error}")
                made = False
            self._bundles[stage] = folder if made else None
        return self._bundles[stage]

    def keep_verdict(self, item: pytest.Item, bundle: Path) -> None:
        """Writes what the test's report holds of its verdict into the bundle of its stage."""
        noted = [value for name, value in item.user_properties if name == PROPERTY]
        file = bundle / f"{_file_name(item.name)}.verdict.json"
        write_text(file, json.dumps(noted, indent=1), private=True)

    def keep_timeline(self, item: pytest.Item, timeline: Mapping[str, Any], *, passed: bool) -> Path | None:
        """Writes what happened in a transition below --timelines, or if it went wrong below --bundle.

        Returns the file, None if nothing is kept.
        """
        folder = self.knobs.text("timelines")
        if passed and not folder:
            return None
        below = self.config.rootpath / (folder or f"{self.knobs.text('bundle')}/{self._began}")
        stage = item.parent.nodeid if item.parent else item.nodeid
        file = below / _file_name(stage) / f"{_file_name(item.name)}.json"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(file, json.dumps(timeline, indent=1), private=True)
        return file

    def confidence(self) -> Confidence:
        return Confidence(
            false_fail=self.knobs.number("false-fail"),
            false_pass=self.knobs.number("false-pass"),
            deviation=self.knobs.number("deviation"),
            most=self.knobs.count("most-requests"),
            settle=self.knobs.number("settle"),
        )

    def leave(self) -> None:
        """Ends the scenario's run that is under way, if there is one."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        with self._turn.pop_all():
            self._end(runner)

    def _end(self, runner: Runner) -> None:
        self.warnings += runner.warnings
        if runner.journal is not None and self.knobs.text("until"):
            self.warnings.append(runner.stands())
        else:
            self._cleaning(runner.close, str(runner.scenario.path))

    def _cleaning(self, close: Callable[[], None], what: str) -> None:
        try:
            close()
        except HarnessError as error:
            self._unclean = True
            self.warnings.append(f"cleaning up after {what} failed: {error}")


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)


RUNS = pytest.StashKey[Runs]()
FOLDERS = pytest.StashKey[tuple[str, ...]]()
"""Where scenarios are looked for."""
PARTS = pytest.StashKey[list[dict[str, Any]]]()
"""What a report tells of an item's verdicts."""
