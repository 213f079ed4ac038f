"""What the model doesn't decide: no pass rests on it, unless the scenario answers for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.base import InputError
from harness.cli import app
from harness.expectations.verdict import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from tests.shop import APP

FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: odd, namespace: shop}
spec:
  workloadSelector: {labels: {app: web}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch: {operation: INSERT_FIRST, value: {name: odd}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec: {}
"""
SCENARIO = """\
name: n
apps: [shop]
configs: {odd: configs/odd.yaml}
stages:
- name: before
  mesh: {shop: istio}
  expect:
  - {name: first, allow: {from: shop/client, to: http://web/}}
- name: odd
  apply: [odd]
  expect:
  - {name: second, allow: {from: shop/client, to: http://web/}}
  - {name: third, deny: {from: shop/client, to: http://web/}}
  - {name: fourth, allow: {from: shop/web, to: http://client/}}
"""
COUNTED = "kinds that aren't read, applied as they are: 1 Certificate.cert-manager.io, 1 EnvoyFilter.networking.istio.io"
MET = "EnvoyFilter shop/odd spec.configPatches[0]: not decided: it changes the proxies' own configuration"
NAMED = "EnvoyFilter shop/odd: not decided: it changes the proxies' own configuration"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("manifests/shop", "configs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "manifests/shop/apps.yaml").write_text(
        "".join(APP.replace("NAME", name) for name in ("web", "client"))
    )
    (tmp_path / "configs/odd.yaml").write_text(FILTER)
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("x.yaml").write_text(text)
        return Path("x.yaml")

    return write


def judged(path: Path) -> tuple[dict[str, Result], list[str], list[str]]:
    """The verdicts by name, the evidence of the second expectation, and the warnings."""
    scenario = load_scenario(path)
    runner = Runner(scenario, ModelProvider())
    verdicts = {check.name: runner.judge(stage, check) for stage in scenario.stages for check in stage.checks}
    results = {name: verdict.result for name, verdict in verdicts.items()}
    return results, list(verdicts["second"].evidence), runner.warnings


def test_no_pass_rests_on_it(write):
    results, evidence, warnings = judged(write(SCENARIO))
    passed = {"first": Result.PASS, "fourth": Result.PASS}
    assert results == {**passed, "second": Result.INCONCLUSIVE, "third": Result.FAIL}
    assert f"configs/odd.yaml:7:5: {MET}" in evidence
    assert warnings == [f"x.yaml: {COUNTED}"]


def test_a_scenario_answers_for_it(write):
    results, _, warnings = judged(write(SCENARIO + "undecided: [EnvoyFilter shop/odd]\n"))
    passed = {"first": Result.PASS, "second": Result.PASS, "fourth": Result.PASS}
    assert results == {**passed, "third": Result.FAIL}
    assert warnings[1:] == ["x.yaml: not decided, and so not proven: EnvoyFilter shop/odd"]


def test_it_answers_for_nothing_else(write):
    with pytest.raises(InputError, match="did you mean EnvoyFilter shop/odd"):
        load_scenario(write(SCENARIO + "undecided: [EnvoyFilter shop/od]\n"))


def test_check_says_what_a_run_will_say(write):
    result = CliRunner().invoke(app, ["check", str(write(SCENARIO))])
    assert (result.exit_code, result.stdout) == (0, "x.yaml: 2 stages, 4 expectations\n")
    assert result.stderr.splitlines() == [f"x.yaml: {COUNTED}", f"x.yaml: configs/odd.yaml:1:1: {NAMED}"]


def test_check_says_which_stage_is_not_reached(write):
    path = write(SCENARIO)
    rule = FILTER.replace("EnvoyFilter", "VirtualService").replace("v1alpha3", "v1")
    Path("configs/odd.yaml").write_text(rule)
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "stage 'odd' wasn't reached, at `apply odd`" in result.stderr
