"""What pyproject.toml declares: all that is imported, and all that constraints.txt holds."""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.scenario import load_scenario

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
PINNED = (ROOT / "constraints.txt").read_text()

# Modules that run only where the user has installed what they import, and the extras that have it.
OPTIONAL = {"harness/ground/kind.py": ["kind"], "harness/plugin/distribution.py": ["test"]}


def requirements(*lists):
    return [Requirement(text) for texts in lists for text in texts]


@cache
def declared(*extras):
    """The distributions that are there with these extras."""
    listed = requirements(PROJECT["project"]["dependencies"], *(EXTRAS[extra] for extra in extras))
    return {canonicalize_name(requirement.name) for requirement in listed}


def imported(text):
    """The top-level modules that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("room", ["harness", "tests", "benchmarks", "scenarios"])
def test_what_is_imported_is_declared(room):
    distributions = packages_distributions()
    undeclared = {}
    for path in (ROOT / room).rglob("*.py"):
        where, text = path.relative_to(ROOT).as_posix(), path.read_text()
        there = declared(*(EXTRAS if room == "tests" else OPTIONAL.get(where, ())))
        # By their looks first, which takes no time; what is suspect may stand in a text.
        suspect = {
            name
            for name in re.findall(r"^\s*(?:import|from) +(\w+)", text, re.MULTILINE)
            if name not in sys.stdlib_module_names | {"harness", "tests", "benchmarks"}
            and there.isdisjoint(map(canonicalize_name, distributions.get(name, ())))
        }
        if suspect and (lacking := suspect & set(imported(text))):
            undeclared[where] = lacking
    assert undeclared == {}


def test_every_dependency_has_a_floor():
    listed = requirements(PROJECT["project"]["dependencies"], *EXTRAS.values())
    assert [str(one) for one in listed if not str(one.specifier).startswith(">=")] == []


def test_every_dependency_is_pinned_with_hashes():
    pinned = re.findall(
        r"^([\w.-]+)==(\S+)[^\n]*((?:\n    --hash=sha256:[0-9a-f]{64}[^\n]*)+)", PINNED, re.MULTILINE
    )
    versions = {canonicalize_name(name): version for name, version, _ in pinned}
    assert len(pinned) == len(re.findall(r"^\w", PINNED, re.MULTILINE))
    groups = PROJECT["dependency-groups"].values()
    for one in requirements(PROJECT["project"]["dependencies"], *EXTRAS.values(), *groups):
        version = versions.get(canonicalize_name(one.name), "0")
        assert version in one.specifier, f"{one}, {version}: renew constraints.txt by the command in its head"


def test_the_build_has_what_it_requires():
    assert set(PROJECT["build-system"]["requires"]) <= set(PROJECT["dependency-groups"]["build"])


def test_the_wheel_carries_the_conformance_scenarios_with_all_that_they_name(tmp_path):
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, place in shipped.items():
        shutil.copytree(ROOT / source, tmp_path / place)
    packed = tmp_path / "harness/shipped/scenarios/conformance"
    assert {path.name for path in packed.iterdir()} == {
        path.name for path in (ROOT / "scenarios/conformance").iterdir()
    }
    for path in packed.iterdir():
        assert load_scenario(path).apps
