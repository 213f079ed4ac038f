"""Scenario files as pytest users meet them: ids, selection, failures, JUnit, xdist, wrong usage."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

import harness.ground.model

# pytester forgets what a run imported, unless it was imported before.
import harness.plugin.collection
import harness.report.terminal
from harness.base import MissingError
from tests.shop import APP

CANARY = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: canary, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web}, weight: 40}
    - {destination: {host: web2}, weight: 60}
"""

SCENARIO = """\
name: canary
apps: [shop]
configs: {canary: configs/shop/canary.yaml}
always:
- name: web answers
  allow: {from: shop/client, to: http://web/}
stages:
- name: before
  mesh: {shop: istio}
- name: canary
  apply: [canary]
  expect:
  - name: forty to sixty
    split: {from: shop/client, to: http://web/, weights: {web: 40, web2: 60}}
  - name: half and half
    split: {from: shop/client, to: http://web/, weights: {web: 50, web2: 50}}
"""


INI = "[pytest]\naddopts = -p no:hypothesispytest\n"  # its summary imports all of hypothesis, in every run


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    folder = pytester.mkdir("manifests") / "shop"
    folder.mkdir(parents=True)
    (folder / "apps.yaml").write_text(
        "".join(APP.replace("NAME", name) for name in ("web", "web2", "client"))
    )
    configs = folder.parents[1] / "configs/shop"
    configs.mkdir(parents=True)
    (configs / "canary.yaml").write_text(CANARY)
    (pytester.mkdir("scenarios") / "canary.yaml").write_text(SCENARIO)
    return pytester


def test_each_expectation_in_each_stage_is_an_item(shop: pytest.Pytester):
    result = shop.runpytest("--collect-only", "-q")
    assert [line for line in result.outlines if "::" in line] == [
        "scenarios/canary.yaml::before::web answers",
        "scenarios/canary.yaml::canary::web answers",
        "scenarios/canary.yaml::canary::forty to sixty",
        "scenarios/canary.yaml::canary::half and half",
    ]


def test_a_failure_shows_the_lines_what_was_expected_and_seen_and_who_decided(shop: pytest.Pytester):
    result = shop.runpytest("scenarios")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*scenarios/canary.yaml:15:5: half and half (stage 'canary'): FAIL",
            "*15 |   - name: half and half",
            "*16 |     split: {from: shop/client*",
            "expected: shop/web 50 %, shop/web2 50 %",
            "predicted: shop/web 40 %, shop/web2 60 %",
            "why shop/web:",
            "*VirtualService shop/canary spec.http[[]0[]].route[[]0[]].weight*configs/shop/canary.yaml:*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "collection.py" not in result.stdout.str()


def test_the_verdicts_are_tabled(shop: pytest.Pytester):
    result = shop.runpytest("scenarios")
    table = result.stdout.str().partition(" verdicts ")[2]
    assert re.search(r"canary\n +web answers +pass +exact +predicted: allowed 100 %", table)
    assert re.search(r"half and half +fail +exact +predicted: shop/web 40 %, shop/web2 60 %", table)


@pytest.mark.parametrize(
    ("arguments", "outcomes"),
    [
        (["-k", "forty"], {"passed": 1, "deselected": 3}),
        (["-k", "before"], {"passed": 1, "deselected": 3}),
        (["scenarios/canary.yaml::canary"], {"passed": 2, "failed": 1}),
        (["scenarios/canary.yaml::canary::forty to sixty"], {"passed": 1}),
        (["-x", "-k", "half or web"], {"passed": 2, "failed": 1, "deselected": 1}),
    ],
    ids=" ".join,
)
def test_selection(shop: pytest.Pytester, arguments: list[str], outcomes: dict[str, int]):
    shop.runpytest(*arguments).assert_outcomes(**outcomes)


def test_last_failed_runs_what_failed(shop: pytest.Pytester):
    shop.runpytest("scenarios")
    shop.runpytest("scenarios", "--lf").assert_outcomes(failed=1)


def test_a_scenario_stays_on_one_worker(shop: pytest.Pytester):
    for name in ("b", "c", "d"):
        (shop.path / f"scenarios/{name}.yaml").write_text(SCENARIO)
    result = shop.runpytest("scenarios", "-n", "2", "-v")
    result.assert_outcomes(passed=12, failed=4)
    ran = re.findall(r"\[(gw\d)\].*(scenarios/\w+\.yaml)::", result.stdout.str())
    workers: dict[str, set[str]] = {}
    for worker, file in ran:
        workers.setdefault(file, set()).add(worker)
    assert len(workers) == 4
    assert all(len(on) == 1 for on in workers.values())
    assert set.union(*workers.values()) == {"gw0", "gw1"}


def test_junit_has_an_entry_for_each(shop: pytest.Pytester):
    shop.runpytest("scenarios", "--junitxml=report.xml")
    cases = ET.parse(shop.path / "report.xml").findall(".//testcase")
    assert [case.get("name") for case in cases] == [
        "web answers",
        "web answers",
        "forty to sixty",
        "half and half",
    ]
    assert "expected: shop/web 50 %" in cases[3].find("failure").text


def test_a_stage_that_fails_bars_the_later_ones(shop: pytest.Pytester):
    wrong = CANARY.replace("weight: 40", "weight: 0").replace("weight: 60", "weight: 0")
    (shop.path / "configs/shop/canary.yaml").write_text(wrong)
    (shop.path / "scenarios/canary.yaml").write_text(SCENARIO + "- name: after\n")
    result = shop.runpytest("scenarios")
    result.assert_outcomes(passed=1, failed=3, skipped=1)
    result.stdout.fnmatch_lines(
        ["*stage 'canary' wasn't reached, at `apply canary`: *total destination weight = 0*"]
    )
    result.stdout.fnmatch_lines(["*web answers*skip*stage 'canary' before it wasn't reached*"])


def test_what_isn_t_modelled_is_said(shop: pytest.Pytester):
    filter_ = (
        "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: f, namespace: shop}, "
        "spec: {configPatches: [{applyTo: HTTP_FILTER, match: {context: ANY}, patch: {operation: REMOVE}}]}}"
    )
    (shop.path / "configs/shop/canary.yaml").write_text(filter_)
    result = shop.runpytest("scenarios")
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(["*EnvoyFilter*"])


def test_a_broken_file_is_one_clear_error(shop: pytest.Pytester):
    (shop.path / "scenarios/canary.yaml").write_text(SCENARIO.replace("apply:", "aply:"))
    result = shop.runpytest("scenarios")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*scenarios/canary.yaml:11:3: unknown key 'aply'; did you mean apply?*"])
    assert "Traceback" not in result.stdout.str()


def test_yaml_elsewhere_is_left_alone(shop: pytest.Pytester):
    shop.runpytest("manifests").assert_outcomes()


def test_a_file_named_to_pytest_is_taken(shop: pytest.Pytester):
    (shop.path / "mine.yaml").write_text(SCENARIO)
    shop.runpytest("mine.yaml").assert_outcomes(passed=3, failed=1)


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--provider", "knid"], {}, "--harness-provider: unknown provider 'knid'; did you mean kind?"),
        ([], {"HARNESS_PROVIDER": "knid"}, "unknown provider 'knid'"),
        (["--provider", "kind"], {"PATH": ""}, "a kind cluster can't be made here"),
        (["--settle", "soon"], {}, "--harness-settle: 'soon' isn't a number"),
    ],
)
def test_wrong_usage_is_one_error(
    shop: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    words: str,
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = shop.runpytest("scenarios", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str() + result.stdout.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_an_ini_file_sets_what_no_option_does(shop: pytest.Pytester):
    shop.makeini(f"{INI}harness_provider = knid\n")
    assert "unknown provider 'knid'" in shop.runpytest("scenarios").stderr.str()
    assert shop.runpytest("scenarios", "--provider", "model").ret == pytest.ExitCode.TESTS_FAILED


def test_a_scenario_whose_images_cannot_be_had_is_skipped(shop: pytest.Pytester, monkeypatch):
    def require(self, resources):
        if any(resource.kind == "VirtualService" for resource in resources):
            raise MissingError("images that aren't here and can't be pulled: example/echo:1")

    monkeypatch.setattr(harness.ground.model.ModelProvider, "require", require)
    plain = "name: plain\napps: [shop]\nstages:\n- name: s\n  mesh: {shop: istio}\n  expect:\n"
    expect = "  - allow: {from: shop/client, to: http://web/}\n"
    (shop.path / "scenarios/plain.yaml").write_text(plain + expect)
    result = shop.runpytest("-rs")
    result.assert_outcomes(passed=1, skipped=4)
    words = "images that aren't here and can't be pulled: example/echo:1"
    result.stdout.fnmatch_lines([f"harness: *canary.yaml: skipped: {words}"])
    result = shop.runpytest("scenarios/canary.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{words}"])
