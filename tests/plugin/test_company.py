"""Beside other plugins, and in projects that have scenarios, options and YAML of their own."""

from __future__ import annotations

import pytest

from harness.base.scenario_files import is_below, is_meant
from tests.plugin.test_plugin import SCENARIO, shop

__all__ = ["shop"]

COLLIDING = """
def pytest_addoption(parser):
    for name in ("provider", "context", "from", "bundle", "record", "parallel", "until", "settle", "drift", "kubeconfig"):
        parser.addoption(f"--{name}", default="theirs")
"""

USING = """
def test_theirs(request):
    assert request.config.getoption("--provider") == "own"
    assert request.config.getoption("--record") == "theirs"
"""


def test_options_of_a_conftest_win(pytester: pytest.Pytester):
    pytester.makeconftest(COLLIDING.replace(', "kubeconfig"', ""))
    pytester.makepyfile(USING)
    pytester.runpytest("--provider", "own").assert_outcomes(passed=1)


@pytest.mark.parametrize("option", ["--harness-provider", "--provider"])
def test_both_spellings_are_understood(option: str, shop: pytest.Pytester):
    assert "unknown provider 'knid'" in shop.runpytest("scenarios", option, "knid").stderr.str()


def test_only_the_long_spelling_is_in_the_help(pytester: pytest.Pytester):
    words = pytester.runpytest("--help").stdout.str()
    assert "--harness-provider" in words
    assert "  --provider" not in words


@pytest.mark.parametrize(
    "environment",
    [
        {"HARNESS_PROVIDER": "knid"},
        {"HARNESS_DEVIATION": "nan"},
        {"HARNESS_PARALLEL": "0"},
        {"HARNESS_RECORD": "r.yaml"},
        {"HARNESS_PROVIDER": "kind", "HARNESS_CLUSTER_TIMEOUT": "soon"},
    ],
    ids=str,
)
def test_settings_of_the_environment_do_not_end_an_unrelated_run(environment, pytester, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert not (pytester.path / "r.yaml").exists()


OTHERS = {
    "compose.yaml": "services: {web: {image: x}}\nname: shop\n",
    "pipeline.yml": "name: build\ntrigger: [main]\nstages:\n- stage: Build\n  jobs: []\n",
    "gitlab.yml": "stages: [build, test]\nbuild: {script: make}\n",
    "x.tavern.yaml": "test_name: x\nstages:\n- name: a\n  request: {url: http://x}\n",
    "app.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
    "values.yaml": "apps: 3\nreplicas: 1\n",
    "empty.yaml": "",
    "broken.yaml": "a: [\n",
}
BROKEN = {
    "syntax.yaml": "name: x\napps: [\nstages:\n- name: a\n",
    "misspelt.yaml": SCENARIO.replace("stages:", "stagse:"),
    "without apps.yaml": "name: x\nstages:\n- name: a\n  expect: []\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_yaml_beside_scenarios_is_left_alone(name: str, shop: pytest.Pytester):
    (shop.path / "scenarios" / name).write_text(OTHERS[name])
    result = shop.runpytest("--collect-only", "-q")
    assert result.ret == 0
    assert not is_meant(shop.path / "scenarios" / name)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_scenario_is_an_error(name: str, shop: pytest.Pytester):
    (shop.path / "scenarios" / name).write_text(BROKEN[name])
    result = shop.runpytest("--collect-only", "-q")
    assert result.ret
    assert name in result.stdout.str()


def test_a_folder_above_the_root_makes_no_scenarios(pytester: pytest.Pytester):
    below = pytester.mkdir("scenarios") / "project"
    below.mkdir()
    (below / "pytest.ini").write_text("[pytest]\n")
    (below / "x.yaml").write_text(SCENARIO)
    (below / "test_it.py").write_text("def test_it(): pass")
    pytester.runpytest("--rootdir", str(below), "-c", str(below / "pytest.ini"), str(below)).assert_outcomes(
        passed=1
    )


def test_where_scenarios_are_is_a_setting(shop: pytest.Pytester):
    (shop.path / "scenarios").rename(shop.path / "moves")
    assert "::" not in shop.runpytest("--collect-only", "-q").stdout.str()
    assert (
        "moves/canary.yaml::before"
        in shop.runpytest("--collect-only", "-q", "--harness-scenarios", "moves").stdout.str()
    )


@pytest.mark.parametrize(
    ("path", "folders", "below"),
    [
        ("scenarios/x.yaml", ["scenarios"], True),
        ("a/scenarios/b/x.yml", ["scenarios"], True),
        ("scenarios/x.json", ["scenarios"], False),
        ("scenarios.yaml", ["scenarios"], False),
        ("tests/moves/x.yaml", ["tests/moves"], True),
        ("tests/x/moves/x.yaml", ["tests/moves"], False),
    ],
)
def test_what_is_below_a_folder(path, folders, below):
    from pathlib import PurePath

    assert is_below(PurePath(path), folders) is below


def test_stages_keep_their_order_whatever_shuffles(shop: pytest.Pytester):
    shop.makeconftest(
        "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_collection_modifyitems(items): items.reverse()"
    )
    result = shop.runpytest("--collect-only", "-q")
    assert [line.split("::")[1] for line in result.outlines if "::" in line] == ["before"] + ["canary"] * 3


def test_a_stage_with_brackets_is_found_by_its_id(shop: pytest.Pytester):
    (shop.path / "scenarios/canary.yaml").write_text(SCENARIO.replace("- name: before", '- name: "be[f]ore"'))
    result = shop.runpytest("scenarios/canary.yaml::be(f)ore::web answers")
    result.assert_outcomes(passed=1)


RERUNNING = """
import pytest
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for again in (True, False):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if again and report.when == "call":
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
            if report.outcome == "rerun":
                break
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

def pytest_report_teststatus(report):
    if report.outcome == "rerun":
        return "rerun", "R", "RERUN"
"""
"""What pytest-rerunfailures does."""


def test_a_repeated_expectation_is_one_row(shop: pytest.Pytester):
    shop.makeconftest(RERUNNING)
    result = shop.runpytest("--junitxml", "junit.xml")
    table = result.stdout.str().partition("verdicts")[2]
    assert table.count("    half and half") == 1
    assert (shop.path / "junit.xml").read_text().count('<property name="harness"') == 4
