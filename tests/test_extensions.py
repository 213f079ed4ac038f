"""What other packages add by entry points, and the example that shows how."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import harness
from harness.base import InputError, extensions
from harness.base.extensions import GROUP, Extensible, subclass_of
from harness.expectations import Expectation

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "extension"
KIND = "expectations"


class Quiet(Expectation):
    kind = "quiet"


class Loud(Expectation):
    kind = "loud"


@pytest.fixture
def kinds(monkeypatch):
    """The expectations of a harness that has `loud`, with entry points of these names and places."""

    def make(*points):
        listed = [EntryPoint(name, f"{__name__}:{value}", GROUP.format(KIND)) for name, value in points]
        monkeypatch.setattr(extensions, "entry_points", lambda group: [p for p in listed if p.group == group])
        return Extensible(KIND, {"loud": Loud}, subclass_of(Expectation))

    return make


def test_an_extension_stands_beside_the_harness_own(kinds):
    assert dict(kinds(("quiet", "Quiet"))) == {"loud": Loud, "quiet": Quiet}


def test_an_own_name_needs_no_extension_to_be_loaded(kinds):
    assert kinds(("broken", "nothing"))["loud"] is Loud


# name: (entry points, words)
UNUSABLE = {
    "a name that is taken": ([("loud", "Quiet")], "there is another one called 'loud'"),
    "a name twice": ([("quiet", "Quiet"), ("quiet", "Quiet")], "there is another one called 'quiet'"),
    "nothing there": ([("quiet", "nothing")], "AttributeError: "),
    "something else": ([("quiet", "ROOT")], "it isn't a subclass of Expectation"),
    "another name": ([("calm", "Quiet")], "its `kind` isn't 'calm'"),
}


@pytest.mark.parametrize(("points", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_one_that_cant_be_used_is_an_error(kinds, points, words):
    with pytest.raises(InputError) as caught:
        kinds(*points).get("unknown")
    assert words in str(caught.value)
    assert f"entry point {GROUP.format(KIND)}: {points[-1][0]}" in str(caught.value)


@pytest.fixture
def example(tmp_path):
    """Runs a command where the example is installed; returns its exit status and output."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    installed = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    (installed / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
            for group, points in project["entry-points"].items()
        )
    )
    path = os.pathsep.join(map(str, (ROOT, EXAMPLE, tmp_path)))

    def run(*argv):
        ended = subprocess.run(
            [sys.executable, *argv],
            cwd=EXAMPLE,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr

    return run


COMMAND = ("-c", "from harness.command import main; main()")


def test_the_example_runs(example, tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(EXAMPLE / "scenarios", copy / "scenarios")
    shutil.copytree(EXAMPLE / "manifests", copy / "manifests")
    text = (copy / "scenarios" / "shop.yaml").read_text()
    wrong = text.replace("workloads: [shop/web]}", "workloads: [shop/web-v2]}")
    (copy / "scenarios" / "wrong.yaml").write_text(wrong)
    options = ("-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(copy))
    status, output = example("-m", "pytest", *options, str(copy / "scenarios"))
    assert status == pytest.ExitCode.TESTS_FAILED, output
    assert "1 failed, 7 passed" in output
    assert "from shop/web 100 %" in output


def test_the_examples_rule_is_asked(example):
    status, output = example(*COMMAND, "lint", "--fail-on", "warning", "manifests")
    assert status == 1, output
    assert "Service web has no label `owner` [service-without-owner]" in output


def test_the_schema_has_what_the_example_adds(example):
    _, output = example(*COMMAND, "schema")
    assert '"served_by"' in output
    assert '"scale"' in output


def test_what_type_checkers_see_is_the_public_api():
    [block] = [
        node for node in ast.parse(Path(harness.__file__).read_text()).body if isinstance(node, ast.If)
    ]
    named = {alias.name: node.module for node in block.body for alias in node.names}
    assert named == harness._MODULES
    assert all(getattr(harness, name) for name in harness.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = harness.nothing
