"""`harness check` and `harness schema`: scenario files without running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.base import HarnessError
from harness.base.settings import SCENARIO_SUFFIXES, is_scenario


def check(paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")]) -> None:
    """Check scenario files and the manifests that they name, without running them."""
    from harness.scenario import load_scenario  # the other commands need no scenarios

    files = [file for path in paths for file in _scenario_files(path)]
    if not files:
        typer.echo(f"no scenario files in {', '.join(map(str, paths))}", err=True)
        raise typer.Exit(2)
    broken = 0
    for file in files:
        try:
            scenario = load_scenario(file)
        except HarnessError as error:
            broken += 1
            typer.echo(str(error), err=True)
        else:
            checks = sum(len(stage.checks) for stage in scenario.stages)
            typer.echo(f"{file}: {len(scenario.stages)} stages, {checks} expectations")
    raise typer.Exit(1 if broken else 0)


def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    from harness.scenario.schema import scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=2))


def _scenario_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = (file for suffix in SCENARIO_SUFFIXES for file in path.rglob(f"*{suffix}"))
    return sorted(file for file in files if is_scenario(file.resolve()))
