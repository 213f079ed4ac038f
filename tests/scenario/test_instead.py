"""What a stage says instead of an expectation, stages that begin anew, and pods that are dialled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from harness.scenario.steps import Deploy
from tests.shop import APP

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """\
name: n
apps: [shop]
always:
- name: web answers
  response: {from: shop/client, to: http://web/, status: 200}
  instead:
    second: {because: nothing else is asked, response: {from: shop/client, to: http://web/nothing, status: 404}}
- response: {from: shop/client, to: http://web2/, pod: shop/web, status: 200}
during:
- available: {from: shop/client, to: http://web/}
stages:
- name: first
  mesh: {shop: istio}
- name: second
  anew: true
  mesh: {shop: linkerd}
- name: third
  restart: [shop]
"""


@pytest.fixture
def scenario(tmp_path: Path):
    folder = tmp_path / "manifests/shop"
    folder.mkdir(parents=True)
    (folder / "apps.yaml").write_text(
        "".join(APP.replace("NAME", name) for name in ("web", "web2", "client"))
    )
    (tmp_path / "s.yaml").write_text(SCENARIO)
    return load_scenario(tmp_path / "s.yaml")


def test_one_stage_says_what_holds_instead(scenario):
    names = [[check.name for check in stage.checks] for stage in scenario.stages]
    pod = "response GET from shop/client to http://web2/ at a pod of shop/web"
    during = "during: 20/s from shop/client to http://web/"
    assert [name[-2:] for name in names] == [
        ["web answers", pod], ["web answers (instead)", pod], ["web answers", pod],
    ]  # fmt: skip
    assert [len(name) for name in names] == [2, 2, 3], f"no {during} in the making of what begins anew"
    [check] = [check for check in scenario.stages[1].checks if check.because]
    assert (check.because, check.asked.to, check.expectation.to) == (
        "nothing else is asked", "http://web/", "http://web/nothing",
    )  # fmt: skip
    assert "instead:" in check.source


def test_the_apps_are_deployed_anew(scenario):
    assert [any(isinstance(step, Deploy) for step in stage.steps) for stage in scenario.stages] == [
        True, True, False,
    ]  # fmt: skip


def test_a_pod_is_dialled_by_its_address(scenario):
    runner = Runner(scenario, ModelProvider())
    for stage in scenario.stages[:2]:
        verdict = runner.judge(stage, stage.checks[-1])
        assert verdict.result is Result.PASS
        [reasons] = [explanation.trace for explanation in verdict.explanations]
        assert any("is an address of pod shop/web-" in str(reason) for reason in reasons)
