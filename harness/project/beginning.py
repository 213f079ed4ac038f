"""What a project of the user's own begins with, beside its first scenario."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import __version__
from harness.base import HarnessError
from harness.manifests.files import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCENARIO = Path("scenarios") / "migration.yaml"
"""The first scenario's file, in the project's folder."""

_NO_MANIFESTS = frozenset(("scenarios", "tests", "node_modules", "venv"))
"""Names of files and folders that hold no manifests of an estate."""

_SECTIONS = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
"""Where pytest looks for its configuration, beside pyproject.toml [pytest: Configuration file formats]."""

_PYTEST = """\
[pytest]
testpaths = scenarios
"""

_GITHUB = """\
name: mesh migration
on: [push, pull_request]
permissions: {{contents: read}}

jobs:
  model:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
    - uses: actions/checkout@v4
      with: {{fetch-depth: 0}}
    - uses: actions/setup-python@v5
      with: {{python-version: "3.13"}}
    - run: pip install mesh-migration-harness=={version}
    - run: pytest scenarios --junitxml=report.xml
    - name: What the change does to which requests
      if: github.event_name == 'pull_request'
      run: |
        harness compare --git "origin/$GITHUB_BASE_REF" {paths} \\
          --markdown >> "$GITHUB_STEP_SUMMARY" || [ $? = 1 ] # 1: there is a difference
"""

_GITLAB = """\
mesh-migration:
  image: python:3.13
  script:
  - pip install mesh-migration-harness=={version}
  - pytest scenarios --junitxml=report.xml
  artifacts:
    reports: {{junit: report.xml}}
"""


@dataclass(frozen=True)
class Begun:
    """A file to write, or None where one does already; `remark` tells what there is to do by hand."""

    path: Path
    text: str | None
    remark: str = ""


def manifests(folder: Path) -> list[Path]:
    """Returns what of a folder holds manifests: files and folders right in it, by name.

    What can't be read as manifests holds none.
    """
    return [path for path in sorted(folder.iterdir()) if _may_be(path) and _holds_objects(path)]


def files(folder: Path, estate: Iterable[Path]) -> Iterator[Begun]:
    """Yields the configuration of pytest and of a CI system, as far as the project has none.

    `estate` are the manifests whose changes a review shows, as paths in the folder.
    """
    configured = next(_configurations(folder), None)
    if configured is None:
        yield Begun(folder / "pytest.ini", _PYTEST)
    else:
        yield Begun(configured, None, "pytest is configured here: `pytest scenarios` runs the scenarios")
    if (folder / ".gitlab-ci.yml").is_file():
        text = _GITLAB.format(version=__version__)
        remark = "name it below `include` in .gitlab-ci.yml, as `local`"
        yield _unless_there(folder / ".gitlab" / "mesh-migration.yml", text, remark)
    else:
        paths = shlex.join(map(str, estate))
        text = _GITHUB.format(version=__version__, paths=paths or ".")
        yield _unless_there(folder / ".github" / "workflows" / "mesh-migration.yaml", text)
    ignored = folder / ".gitignore"
    if not ignored.exists():
        yield Begun(ignored, ".harness/\n")
    elif ".harness/" not in ignored.read_text("utf-8", "replace").splitlines():
        yield Begun(ignored, None, "add `.harness/`: what failing clusters looked like isn't for git")


def _unless_there(path: Path, text: str, remark: str = "") -> Begun:
    return Begun(path, None, "it is there already") if path.exists() else Begun(path, text, remark)


def _may_be(path: Path) -> bool:
    if path.name.startswith(".") or path.name in _NO_MANIFESTS:
        return False
    return path.is_dir() or path.suffix in (".yaml", ".yml", ".json")


def _holds_objects(path: Path) -> bool:
    try:
        return bool(read([path]).resources)
    except HarnessError:
        return False


def _configurations(folder: Path) -> Iterator[Path]:
    """The files in which pytest is configured."""
    project = folder / "pyproject.toml"
    if project.is_file() and "pytest" in _tools(project):
        yield project
    for name, section in _SECTIONS.items():
        path = folder / name
        if path.is_file() and (name.endswith("pytest.ini") or _has_section(path, section)):
            yield path


def _tools(project: Path) -> Iterable[str]:
    try:
        tools = tomllib.loads(project.read_text("utf-8", "replace")).get("tool", {})
    except tomllib.TOMLDecodeError:
        return ()
    return tools if isinstance(tools, dict) else ()


def _has_section(path: Path, section: str) -> bool:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path)
    except configparser.Error:
        return False
    return parser.has_section(section)
