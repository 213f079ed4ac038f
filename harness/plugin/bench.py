"""Scenarios written in Python: stages and expectations by the keys that scenario files have."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from harness.api.kubernetes.workload import workloads
from harness.base import InputError, Mesh, Workload
from harness.expectations import Result
from harness.plugin.collection import ExpectationError, row
from harness.plugin.session import PROPERTY
from harness.report.terminal import explained
from harness.run.runner import UnreachableError
from harness.run.shadow import DriftWarning
from harness.scenario import load_mapping
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.expectations import Verdict
    from harness.ground.ground import Provider
    from harness.plugin.session import Runs
    from harness.run.runner import Runner
    from harness.scenario import Check, Scenario, Stage
    from harness.traffic.outcomes import Outcomes


class Bench:
    """What one test does on the run's provider; all of it is taken away at the test's end.

    Paths are relative to the test's folder, or to one above it. Each method raises HarnessError as
    scenarios fail, and skips the test where a mesh can't be had.
    """

    def __init__(self, runs: Runs, node: pytest.Item, files: Path) -> None:
        self._runs = runs
        self._node = node
        self._files = files
        self._written: dict[str, Any] = {
            "name": "test", "apps": [], "configs": {}, "meshes": {}, "stages": [],
        }  # fmt: skip
        self._meshes: list[str] = []
        self._runner: Runner | None = None

    @property
    def provider(self) -> Provider:
        """Where the test runs."""
        return self._runs.provider

    def app(self, name: str) -> dict[str, Workload]:
        """Adds an application, to be deployed by the first stage; returns its workloads by their names.

        Raises InputError for an unknown one, and after the first stage.
        """
        if self._written["stages"]:
            raise InputError(f"app {name!r} comes too late", todo="add apps before the first stage")
        alone = {"name": name, "apps": [name], "stages": [{"name": "first"}]}
        by_name = {workload.name: workload for workload in workloads(self._loaded(alone).apps)}
        self._written["apps"].append(name)
        return by_name

    def install(self, mesh: Mesh) -> Mesh:
        """Has the next stage install a mesh, and returns it; skips the test where it can't be had."""
        reason = self.provider.lacking(mesh)
        if reason:
            pytest.skip(f"{mesh}: {reason}")
        self._meshes.append(mesh.value)
        return mesh

    def stage(
        self,
        name: str = "",
        *,
        configs: Mapping[str, str | Mapping[str, Any] | Sequence[Mapping[str, Any]]] | None = None,
        meshes: Mapping[str, Mapping[str, str]] | None = None,
        during: Sequence[Mapping[str, Any]] = (),
        **steps: Any,
    ) -> None:
        """Brings the ground to its next stage, by the keys of a stage in a scenario file.

        `configs` are added to those of earlier stages: a path, `{"translate": …}`, or objects as mappings.
        What is to be true `during` this transition is judged at its end; see `expect` for what that raises.
        """
        self._written["configs"] |= {key: self._config(key, value) for key, value in (configs or {}).items()}
        self._written["meshes"] |= meshes or {}
        stages = self._written["stages"]
        name = name or f"stage {len(stages) + 1}"
        if self._meshes:
            steps["install"] = [*self._meshes, *steps.get("install", [])]
        written = {**self._written, "stages": [*stages, {"name": name, **steps}]}
        scenario = self._loaded({**written, "during": list(during)} if during else written)
        runner = self._run(scenario)
        self._written, self._meshes = written, []
        try:
            runner.reach(len(stages))
        except UnreachableError as error:
            pytest.skip(str(error))
        for check in scenario.stages[-1].checks:
            self._judged(scenario.stages[-1], check)

    def expect(self, *, name: str = "", **kind: Mapping[str, Any]) -> Verdict:
        """Returns the verdict on one expectation, written as in a scenario file: `split={"from": …}`.

        Raises ExpectationError with all that is known if it isn't a pass.
        """
        self._begin()
        entry = {**({"name": name} if name else {}), **kind}
        *before, last = self._written["stages"]
        scenario = self._loaded({**self._written, "stages": [*before, {**last, "expect": [entry]}]})
        stage = scenario.stages[-1]
        [check] = stage.checks
        self._run(scenario)
        return self._judged(stage, check)

    def _judged(self, stage: Stage, check: Check) -> Verdict:
        assert self._runner is not None
        verdict = self._runner.judge(stage, check)
        order = (len(self._written["stages"]) - 1, len(self._node.user_properties))
        noted = row(self._node.nodeid, order, stage, check, verdict.result, verdict.seen, verdict)
        self._node.user_properties.append((PROPERTY, noted))
        at = (self._runner.scenario, stage, check)
        self._runs.tell(self._node, self._node.nodeid, at, verdict.result, verdict.seen, verdict)
        if verdict.drift and verdict.result is Result.PASS:
            warnings.warn(DriftWarning(explained(stage, check, verdict)), stacklevel=2)
        if verdict.result is not Result.PASS:
            raise ExpectationError(explained(stage, check, verdict))
        return verdict

    def probe(
        self,
        source: str | Workload,
        url: str,
        *,
        count: int = 1,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        witness: bool = False,
    ) -> Outcomes:
        """Returns what comes back of equal requests: a sample of `count`, or the model's distribution."""
        self._begin()
        workload = Workload.parse(source) if isinstance(source, str) else source
        request = Request(workload, url, method, tuple((headers or {}).items()))
        return self.provider.send(request, count, witness=witness)

    def _begin(self) -> None:
        """Deploys the apps where a test names no stage."""
        if not self._written["stages"]:
            self.stage()

    def _run(self, scenario: Scenario) -> Runner:
        if self._runner is None:
            self._runner = self._runs.runner(scenario)
        else:
            self._runner.extend(scenario)
        return self._runner

    def _loaded(self, written: Mapping[str, Any]) -> Scenario:
        plain = json.loads(json.dumps(written, default=str))
        return load_mapping(plain, self._node.path, self._node.nodeid)

    def _config(self, name: str, value: object) -> object:
        if isinstance(value, (list, tuple)):
            file = self._files / f"{name}.yaml"
            file.write_text(yaml.safe_dump_all(value, sort_keys=False), encoding="utf-8")
            return str(file)
        return str(value) if not isinstance(value, dict) else value
