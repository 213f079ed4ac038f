"""--harness-shard: which files run on which machine."""

from __future__ import annotations

import pytest

import harness.plugin.bench  # noqa: F401 - pytester forgets what a run imported, unless it was imported before
from tests.plugin.test_fixtures import shop  # noqa: F401 - a fixture
from tests.plugin.test_plugin import SCENARIO


@pytest.fixture
def several(shop: pytest.Pytester) -> pytest.Pytester:  # noqa: F811
    folder = shop.mkdir("scenarios")
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(SCENARIO)
    shop.makepyfile(test_more="def test_more(): pass")
    return shop


def ran(result: pytest.RunResult) -> set[str]:
    lines = (line.split("] ")[-1] for line in result.outlines if "::" in line)
    return {line.partition("::")[0].removeprefix("PASSED ").removeprefix("FAILED ") for line in lines}


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["one process", "a worker"])
def test_each_file_runs_in_one_shard_as_a_whole(several: pytest.Pytester, options):
    shards = [several.runpytest("-v", "--harness-shard", f"{number}/2", *options) for number in (1, 2)]
    assert [ran(result) for result in shards] == [
        {"scenarios/a.yaml", "test_more.py"},
        {"scenarios/b.yaml"},
    ]


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("0/2", "--harness-shard: '0/2' isn't a shard"),
        ("3/2", "--harness-shard: '3/2' isn't a shard"),
        ("half", "--harness-shard: 'half' isn't a shard"),
        ("1/4", "--harness-shard: there are 4 shards, and only 3 files with tests"),
    ],
)
def test_a_shard_that_cant_be_is_refused(several: pytest.Pytester, which, words):
    result = several.runpytest("--harness-shard", which)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str()
