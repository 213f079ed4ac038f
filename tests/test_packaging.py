"""What pyproject.toml declares: all that is imported, and all that constraints.txt holds."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
PINNED = (ROOT / "constraints.txt").read_text()

# Modules that run only where the user has installed what they import, and the extra that has it.
OPTIONAL = {"harness/ground/kind.py": "kind", "harness/plugin/distribution.py": "test"}


def requirements(*lists):
    return [Requirement(text) for texts in lists for text in texts]


def names(*lists):
    return {canonicalize_name(requirement.name) for requirement in requirements(*lists)}


def imported(path):
    """The top-level modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).partition(".")[0]


@pytest.mark.parametrize("room", ["harness", "tests", "benchmarks", "scenarios"])
def test_what_is_imported_is_declared(room):
    distributions = packages_distributions()
    undeclared = {}
    for path in (ROOT / room).rglob("*.py"):
        where = path.relative_to(ROOT).as_posix()
        extras = EXTRAS if room == "tests" else {OPTIONAL[where]} if where in OPTIONAL else ()
        declared = names(PROJECT["project"]["dependencies"], *(EXTRAS[extra] for extra in extras))
        for name in set(imported(path)) - sys.stdlib_module_names - {"harness", "tests", "benchmarks"}:
            if declared.isdisjoint(map(canonicalize_name, distributions[name])):
                undeclared[where] = name
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
