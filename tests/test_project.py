"""A project of one's own: `harness init`, `new` and `demo`."""

from __future__ import annotations

import shutil

import pytest
import yaml
from typer.testing import CliRunner

from harness.base import InputError
from harness.cli import app
from harness.project import beginning, shipped
from harness.project.beginning import SCENARIO, files
from harness.project.template import copied
from harness.scenario import load_scenario

RUNNER = CliRunner()


def harness(*arguments):
    result = RUNNER.invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("template", shipped.scenarios(), ids=lambda each: each.name)
def test_a_copy_of_a_template_is_whole(template, tmp_path, monkeypatch):
    """Nothing of the checkout is above the copy, so that all it names must have been copied."""
    copied(template, tmp_path)
    monkeypatch.chdir(tmp_path)
    scenario = load_scenario(tmp_path / "scenarios" / template.file.name)
    assert len(scenario.stages) == len(template.written["stages"])


def test_a_copy_replaces_nothing_that_was_changed(tmp_path):
    template = shipped.named("color-split")
    assert copied(template, tmp_path)
    assert copied(template, tmp_path) == []
    changed = tmp_path / "manifests" / "faces" / "face.yaml"
    changed.write_text("mine")
    with pytest.raises(InputError, match=r"face\.yaml is there already, and differs"):
        copied(template, tmp_path)
    assert changed.read_text() == "mine"
    assert copied(template, tmp_path, force=True) == [changed]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "faces/color-splt",
            "there is no scenario called 'faces/color-splt'; did you mean faces/color-split?",
        ),
        ("nothing like it", "valid: expectations/ingress, "),
    ],
)
def test_an_unknown_template_is_named(name, words):
    status, output = harness("new", "--template", name)
    assert status == 2
    assert words in output.replace("\n  do:  ", "; ")


def test_templates_are_listed():
    for command in (("new",), ("demo", "--list")):
        status, output = harness(*command)
        assert status == 0
        assert [line.split()[0] for line in output.splitlines()] == [
            each.name for each in shipped.scenarios()
        ]


def test_the_demo_runs_what_is_named_with_pytests_options(monkeypatch):
    ran = []
    monkeypatch.setattr(
        pytest, "main", lambda arguments: ran.append(arguments) or pytest.ExitCode.TESTS_FAILED
    )
    status, _ = harness("demo", "migration", "faces/boundary", "--provider", "kind", "-q")
    assert status == 1
    names = [str(shipped.named(name).file) for name in ("migration", "boundary")]
    assert ran[0][:2] == names
    assert ran[0][-3:] == ["--provider", "kind", "-q"]


@pytest.fixture
def estate(tmp_path):
    """A folder with apps and Istio's configuration, beside what is no manifest."""
    here = shipped.FOLDER / "manifests"
    shutil.copytree(here / "frontend-backend", tmp_path / "apps")
    shutil.copytree(here / "configs" / "frontend-backend" / "istio", tmp_path / "istio")
    (tmp_path / "values.yaml").write_text("replicas: 2\n")
    (tmp_path / "broken.yaml").write_text("kind: [")
    return tmp_path


def test_a_project_begins_with_a_scenario_of_its_manifests(estate, monkeypatch):
    monkeypatch.chdir(estate)
    assert [path.name for path in beginning.manifests(estate)] == ["apps", "istio"]
    status, output = harness("init", "--dry-run")
    assert status == 0
    assert "would write scenarios/migration.yaml, of apps, istio" in output
    assert not SCENARIO.exists()

    status, output = harness("init")
    assert status == 0, output
    assert load_scenario(SCENARIO).stages
    [job] = yaml.safe_load((estate / ".github/workflows/mesh-migration.yaml").read_text())["jobs"].values()
    assert 'harness compare --git "origin/$GITHUB_BASE_REF" apps istio' in job["steps"][-1]["run"]

    before = SCENARIO.read_text()
    status, output = harness("init")
    assert status == 0
    assert "wrote" not in output
    assert SCENARIO.read_text() == before


def test_where_nothing_is_there_it_says_what_to_do(tmp_path):
    status, output = harness("init", tmp_path)
    assert status == 2
    assert "there are no manifests here" in output
    assert "harness new" in output
    assert list(tmp_path.iterdir()) == []


# name: (a file that is there and its text, the file that is written or not, whether it is)
THERE = {
    "no configuration": (None, "pytest.ini", True),
    "pytest's own": (("pytest.ini", "[pytest]\n"), "pytest.ini", False),
    "a project of pytest's": (("pyproject.toml", "[tool.pytest.ini_options]\n"), "pyproject.toml", False),
    "a project of others": (("pyproject.toml", "[tool.ruff]\n"), "pytest.ini", True),
    "no TOML": (("pyproject.toml", "["), "pytest.ini", True),
    "tox with pytest": (("tox.ini", "[pytest]\n"), "tox.ini", False),
    "tox without": (("tox.ini", "[tox]\n"), "pytest.ini", True),
    "GitLab": ((".gitlab-ci.yml", ""), ".gitlab/mesh-migration.yml", True),
    "a workflow": (
        (".github/workflows/mesh-migration.yaml", ""),
        ".github/workflows/mesh-migration.yaml",
        False,
    ),
    "ignored already": ((".gitignore", ".harness/\n"), ".gitignore", None),
    "not ignored": ((".gitignore", "dist/\n"), ".gitignore", False),
}


@pytest.mark.parametrize(("there", "name", "written"), THERE.values(), ids=THERE)
def test_what_is_there_stays(tmp_path, there, name, written):
    if there:
        path = tmp_path / there[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(there[1])
    begun = {each.path.relative_to(tmp_path).as_posix(): each for each in files(tmp_path, [])}
    assert (name in begun) is (written is not None)
    if written is not None:
        assert (begun[name].text is not None) is written
        assert begun[name].text or begun[name].remark


def test_the_version_names_the_models_and_tools():
    status, output = harness("--version")
    assert status == 0
    lines = output.splitlines()
    assert lines[0].startswith("mesh-migration-harness ")
    assert "Istio 1.31" in lines[1]
    assert [line.split(":")[0] for line in lines[2:]] == ["kind", "kubectl", "istioctl", "linkerd"]
