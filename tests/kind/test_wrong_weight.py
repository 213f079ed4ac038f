"""A split that is wrong on purpose is found out by real requests, and told with what decided."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.report.terminal import explained
from harness.run.runner import Runner
from harness.scenario import load_scenario
from harness.traffic.observables import Basis

pytestmark = pytest.mark.kind

ROOT = Path(__file__).parents[2]


def test_a_wrong_weight_fails_and_is_explained(ground, tmp_path: Path):
    for folder in ("manifests", "scenarios"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    split = tmp_path / "manifests/configs/faces/istio/color-split.yaml"
    first, second, third = split.read_text().split("weight: 50")
    split.write_text(f"{first}weight: 40{second}weight: 60{third}")
    scenario = load_scenario(tmp_path / "scenarios/faces/color-split.yaml")
    stage = scenario.stages[0]
    runner = Runner(scenario, ground, ModelProvider())
    try:
        verdict = runner.judge(stage, stage.checks[0])
    finally:
        runner.close()
    assert (verdict.result, verdict.basis) == (Result.FAIL, Basis.OBSERVED)
    assert verdict.n
    assert verdict.predicted == "#66CCEE 40 %, #228833 60 %"
    told = explained(stage, stage.checks[0], verdict)
    assert "VirtualService faces/color-split spec.http[0].route[0].weight: takes 40 of 100" in told
