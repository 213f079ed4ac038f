from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import __version__
from harness.cli import app
from harness.expectations import KINDS

ROOT = Path(__file__).parents[1]
SCENARIOS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").rglob("*.yaml"))


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def test_check_says_what_is_in_each_file():
    result = invoke("check", "scenarios")
    assert result.exit_code == 0
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == SCENARIOS


def test_check_fails_for_a_broken_file_and_goes_on(tmp_path: Path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: 5\n")
    result = invoke("check", str(broken), SCENARIOS[0])
    assert result.exit_code == 1
    assert "'name': must be text, not 5" in result.stderr
    assert SCENARIOS[0] in result.stdout


@pytest.mark.parametrize("path", ["docs", "no/such/file.yaml"])
def test_check_says_when_there_is_nothing(path: str):
    result = invoke("check", path)
    assert result.exit_code
    assert path in result.stderr


def test_the_schema_knows_every_expectation():
    schema = json.loads(invoke("schema").stdout)
    assert set(schema["$defs"]["Expectation"]["properties"]) == {"name", *KINDS}
    assert schema["properties"]["stages"]


def test_the_version():
    assert invoke("--version").stdout.strip() == __version__


SIDES = ("configs/faces/istio", "configs/faces/linkerd/color-split-http.yaml")
BETWEEN = ("--with", "manifests/faces", "--mesh-before", "istio", "--mesh-after", "linkerd")


def test_compare_tells_differences_unless_they_are_accepted():
    result = invoke("compare", *SIDES, *BETWEEN)
    assert result.exit_code == 1
    assert "Service faces/smiley:80: seconds" in result.stdout
    assert (
        "before by: VirtualService faces/smiley-delay spec.http[0].fault.delay: delays by 5 s"
        in result.stdout
    )
    assert invoke("compare", *SIDES, *BETWEEN, "--allow", "*s*/*", "--allow", "*:mesh").exit_code == 0


def test_compare_ends_with_2_for_what_it_cannot_read(tmp_path: Path):
    result = invoke("compare", SIDES[0], str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "can't be read" in result.stderr
