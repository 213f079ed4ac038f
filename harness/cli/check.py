"""`harness check` and `harness schema`: scenario files without running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import HarnessError
from harness.base.scenario_files import FOLDER, SUFFIXES, is_below, is_meant
from harness.cli.options import AsSarif, Quiet
from harness.cli.output import tell

if TYPE_CHECKING:
    from harness.model.state import Undecided
    from harness.report.sarif.check import Stop
    from harness.report.sarif.log import Result
    from harness.scenario import Scenario


def check(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
    as_sarif: AsSarif = False,
    quiet: Quiet = False,
) -> None:
    """Check scenario files and the manifests that they name, without judging their expectations.

    It tells, too, what the model won't decide of them, and which stage it doesn't reach.
    """
    from harness.report.sarif import check as sarif  # the other commands need no scenarios
    from harness.scenario import load_scenario

    files = [file for path in paths for file in _scenario_files(path)]
    if not files:
        tell(f"no scenario files in {', '.join(map(str, paths))}", err=True)
        raise typer.Exit(2)
    broken: int = 0
    results: list[Result] = []
    for file in files:
        try:
            scenario = load_scenario(file)
        except HarnessError as error:
            broken += 1
            tell(str(error), err=True)
            results += [sarif.result(sarif.INVALID, each.brief, each.position) for each in error.each]
            continue
        checks = sum(len(stage.checks) for stage in scenario.stages)
        if not quiet:
            tell(f"{file}: {len(scenario.stages)} stages, {checks} expectations", err=as_sarif)
        undecided, stop = _on_the_model(scenario)
        for note in (*scenario.notes, *undecided, *([f"on the model {stop.error}"] if stop else [])):
            tell(f"{file}: {note}", err=True)
        broken += bool(stop and stop.is_fault)
        results += sarif.of_scenario(file, scenario.notes, undecided, stop)
    if as_sarif:
        tell(json.dumps(sarif.data(results), indent=2, ensure_ascii=False))
    raise typer.Exit(1 if broken else 0)


def _on_the_model(scenario: Scenario) -> tuple[list[Undecided], Stop | None]:
    """What a run on the model decides without, before it judges, and where it doesn't go on."""
    from harness.ground.model import ModelProvider
    from harness.report.sarif.check import Stop
    from harness.run.runner import Runner, UnreachableError

    provider = ModelProvider()
    runner = Runner(scenario, provider)
    undecided: dict[str, Undecided] = {}
    for index in range(len(scenario.stages)):
        try:
            runner.reach(index)
        except HarnessError as error:
            return list(undecided.values()), Stop(error, not isinstance(error, UnreachableError))
        left_out = (each for each in provider.state.undecided if str(each.resource) not in scenario.undecided)
        undecided |= {str(each): each for each in left_out}
    return list(undecided.values()), None


def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    from harness.scenario.schema import scenario_schema

    tell(json.dumps(scenario_schema(), indent=2))


def _scenario_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = (file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}"))
    return sorted(file for file in files if is_below(file.resolve(), (FOLDER,)) and is_meant(file))
