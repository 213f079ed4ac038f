"""`during` as pytest users meet it: ids, the report, timelines that are kept, fixtures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import harness.ground.model

# pytester forgets what a run imported, unless it was imported before.
import harness.plugin.bench
import harness.plugin.collection
import harness.report.terminal  # noqa: F401
from harness.cli import app as cli
from harness.expectations import DURING
from harness.expectations.traffic.availability import Available
from harness.expectations.verdict import Result, Verdict
from harness.report.terminal import summary
from harness.traffic.observables import Basis
from tests.plugin.test_fixtures import run, shop  # noqa: F401 - a fixture
from tests.plugin.test_plugin import INI

if TYPE_CHECKING:
    from pathlib import Path

SCENARIO = """\
name: n
apps: [shop]
configs: {canary: configs/shop/canary.yaml}
during:
- name: web answers
  available: {from: shop/client, to: http://web/}
stages:
- name: before
  mesh: {shop: istio}
- name: canary
  apply: [canary]
  expect:
  - allow: {from: shop/client, to: http://web/}
"""
TIMELINE = {
    "load": "shop/client GET http://web/, 20/s",
    "began": "2026-01-01T00:00:00.000000Z",
    "steps": [
        {
            "doing": "apply canary",
            "start": 2.0,
            "end": 3.0,
            "requests": {"turns": 20, "failed": 1, "unknown": 2, "slowest": 0.25, "latest": 0.0},
        }
    ],
    "pods": [{"at": 2.5, "pod": "shop/web-1", "phase": "stopping"}],
}
TOLD = "   2.00 s  apply canary: 20 requests, 1 failed, 2 not known, slowest 0.25 s, pods: 1 stopping"


@pytest.fixture
def scenario(shop: pytest.Pytester) -> pytest.Pytester:  # noqa: F811
    (shop.mkdir("scenarios") / "canary.yaml").write_text(SCENARIO)
    shop.makeini(INI)
    return shop


def test_each_transition_is_a_test_of_the_stage_that_it_leads_to(scenario: pytest.Pytester):
    result = scenario.runpytest("-v", "-k", "during")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["scenarios/canary.yaml::canary::during: web answers PASSED*"])
    result.stdout.fnmatch_lines(["*during: web answers*pass*exact*all succeed in each of 2 states*"])


def test_a_stage_alone_can_be_gone_to(scenario: pytest.Pytester):
    scenario.runpytest("--from", "canary").assert_outcomes(passed=2)


@pytest.fixture
def observed(monkeypatch):
    """Has the expectation see a timeline, with this result."""

    def with_result(result: Result) -> None:
        verdict = Verdict(result, Basis.OBSERVED, "100 %", "19 of 20", 20, timeline=TIMELINE)
        monkeypatch.setattr(Available, "judge", lambda self, ground: verdict)

    return with_result


@pytest.mark.parametrize(
    ("result", "options", "kept"),
    [
        (Result.PASS, (), ""),
        (Result.PASS, ("--timelines", "lines"), "lines"),
        (Result.FAIL, ("--timelines", "lines"), "lines"),
        (Result.FAIL, ("--bundle", "bundles"), "bundles/*"),
        (Result.INCONCLUSIVE, ("--bundle", "bundles"), "bundles/*"),
    ],
)
def test_a_timeline_is_told_and_kept(scenario: pytest.Pytester, observed, result, options, kept):
    observed(result)
    run = scenario.runpytest("-rP", "-k", "during", *options)
    assert TOLD in run.stdout.str()
    found = list(scenario.path.glob(f"{kept or '*'}/scenarios_canary.yaml_canary/during_web_answers.json"))
    assert len(found) == (1 if kept else 0)
    if kept:
        assert json.loads(found[0].read_text()) == TIMELINE
        assert f"kept as {found[0]}" in run.stdout.str()


def test_a_summary_names_the_file(tmp_path: Path):
    assert summary(TIMELINE, tmp_path / "x.json").splitlines() == [
        "shop/client GET http://web/, 20/s, from 2026-01-01T00:00:00.000000Z",
        TOLD,
        f"kept as {tmp_path / 'x.json'}",
    ]


FIXTURES = """
WEB = {{"available": {{"from": "shop/client", "to": "http://web/"}}}}

def test_it(cluster, stage):
    cluster.app("shop")
    stage("istio", mesh={{"shop": "istio"}})
    stage("canary", configs=CANARY, during=[WEB], {steps})
"""
NOBODY = """configs={"deny": [{
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "nobody", "namespace": "shop"},
    "spec": {},
}]}, apply=["deny"]"""


@pytest.mark.parametrize(
    ("name", "steps", "outcome", "line"),
    [
        ("passes", 'apply=["canary"]', {"passed": 1}, "*during: available*pass*exact*"),
        ("fails", NOBODY, {"failed": 1}, "*during: available*fail*after `apply deny`: 403*"),
    ],
)
def test_a_stage_in_python_says_what_must_be_true_meanwhile(shop, name, steps, outcome, line):  # noqa: F811
    body = FIXTURES.format(steps=steps).replace(
        "configs=CANARY, during=[WEB], configs", "during=[WEB], configs"
    )
    result = run(shop, body)
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines([line])


def test_the_schema_knows_what_can_be_said_during_a_transition():
    from typer.testing import CliRunner

    schema = json.loads(CliRunner().invoke(cli, ["schema"]).stdout)
    assert set(schema["$defs"]["Meanwhile"]["properties"]) == {"name", *DURING}
    assert schema["properties"]["during"]["items"] == {"$ref": "#/$defs/Meanwhile"}
    assert schema["$defs"]["Available"]["properties"]["rate"]["type"] == "string"
