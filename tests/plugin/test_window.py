"""--until and --from: which stages run, and what is told where that can't be meant so."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness.plugin.bench  # noqa: F401 - pytester forgets what a run imported, unless it was imported before
from harness.base.errors import InputError
from harness.cluster.ownership.ownership import Entry, Journal
from harness.run.resumption import resumable
from harness.scenario.models import Scenario, Stage
from harness.scenario.steps import Apply, Remove
from tests.plugin.test_fixtures import shop  # noqa: F401 - a fixture
from tests.plugin.test_plugin import SCENARIO

THREE = SCENARIO + "- name: after\n  remove: [canary]\n"


@pytest.fixture
def three(shop: pytest.Pytester) -> pytest.Pytester:  # noqa: F811
    (shop.mkdir("scenarios") / "canary.yaml").write_text(THREE)
    return shop


# name: (options, stages that run, deselected)
WINDOWS = {
    "until": (["--until", "canary"], ["before", "canary"], 1),
    "from": (["--from", "canary"], ["canary", "after"], 1),
    "both": (["--from", "canary", "--until", "canary"], ["canary"], 2),
}


@pytest.mark.parametrize(("options", "stages", "left_out"), WINDOWS.values(), ids=WINDOWS)
def test_stages_in_the_window_run(three: pytest.Pytester, options, stages, left_out):
    result = three.runpytest("scenarios", "-v", *options)
    ran = [
        line.split("::")[1]
        for line in result.outlines
        if "::" in line and ("PASSED" in line or "FAILED" in line)
    ]
    assert list(dict.fromkeys(ran)) == stages
    assert (
        f"{left_out} deselected" in result.stdout.str() or f"{left_out + 2} deselected" in result.stdout.str()
    )
    result.stdout.no_fnmatch_line("*is at stage*")  # the model keeps nothing


# name: (options, words)
WRONG = {
    "an unknown stage": (
        ["--until", "canry"],
        "--harness-until: unknown stage 'canry'; did you mean canary?",
    ),
    "the wrong way round": (
        ["--from", "after", "--until", "before"],
        "--harness-from: stage 'after' comes after 'before'",
    ),
    "several processes": (
        ["--until", "canary", "-n", "2"],
        "--harness-from and --harness-until need one process",
    ),
    "no such check": (["--health", "often"], "--harness-health: valid: each, none"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_told_before_anything_starts(three: pytest.Pytester, options, words):
    result = three.runpytest("scenarios", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str() + result.stdout.str()


def test_it_is_about_one_scenario(three: pytest.Pytester):
    (three.path / "scenarios/other.yaml").write_text(THREE)
    result = three.runpytest("scenarios", "--until", "canary")
    assert "--harness-from and --harness-until are about one scenario" in result.stderr.str()


def test_a_command_is_left_to_clusters(three: pytest.Pytester):
    (three.path / "scenarios/canary.yaml").write_text(SCENARIO + "  run: [touch, ran]\n")
    result = three.runpytest("scenarios", "--allow-run", "-rs")
    result.assert_outcomes(passed=1, skipped=3)
    result.stdout.fnmatch_lines(["*stage 'canary' needs a cluster: what `touch ran` does isn't modelled*"])
    assert not (three.path / "ran").exists()


# -- on a kept cluster

ONE, TWO, LAST = Stage("one", (Apply("a"),)), Stage("two", (Apply("b"),)), Stage("three", (Remove("a"),))
KEPT = Scenario(Path("x.yaml"), "n", (), {}, (ONE, TWO, LAST))


def entry(*stages: Stage, file: str = "x.yaml") -> Entry:
    return Entry(str(Path(file).resolve()), tuple((one.name, one.digest) for one in stages))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize("start", [1, 2])
def test_a_kept_cluster_goes_on(start: int):
    Journal("c").write(entry(ONE, TWO))
    assert resumable("c", KEPT, start) == entry(ONE, TWO)


# name: (the cluster, what it is at, words)
OBSTACLES = {
    "nothing kept": (None, None, "no cluster is kept"),
    "nothing known": ("c", None, "cluster c is at no stage of a scenario"),
    "no stage reached": ("c", entry(), "cluster c is at no stage of a scenario"),
    "another scenario": ("c", entry(ONE, file="y.yaml"), "is at a stage of"),
    "too far": (
        "c",
        entry(ONE, TWO, LAST),
        "cluster c is at stage 'three' already, and stages can't be undone",
    ),
    "another stage by now": (
        "c",
        entry(Stage("one", (Remove("a"),))),
        "stage 'one', through which cluster c went, isn't",
    ),
    "a stage that is no more": (
        "c",
        entry(Stage("none", ())),
        "stage 'none', through which cluster c went, isn't",
    ),
}


@pytest.mark.parametrize(("cluster", "left", "words"), OBSTACLES.values(), ids=OBSTACLES)
def test_a_cluster_that_can_t_go_on(cluster: str | None, left: Entry | None, words: str):
    if left is not None:
        Journal("c").write(left)
    with pytest.raises(InputError, match=words):
        resumable(cluster, KEPT, 1)


def test_a_file_that_is_broken_is_told():
    Journal("c").write(entry())
    Journal("c").file.write_text("{")
    with pytest.raises(InputError, match="what is known of the cluster can't be read"):
        resumable("c", KEPT, 1)
