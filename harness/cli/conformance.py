"""`harness conformance`: what the Gateway API asks of a mesh, and what it makes of that."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.base import InputError, Mesh
from harness.cli.options import ERROR, reported

if TYPE_CHECKING:
    from harness.report.conformance import Case

ANYTHING_ELSE = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options that aren't the command's own are pytest's."""


def conformance(
    context: typer.Context,
    mesh: Annotated[
        list[Mesh] | None, typer.Option(help="The mesh whose conformance is shown (if absent: both).")
    ] = None,
    scenarios: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The scenarios that say what the API asks.")
    ] = Path("scenarios/conformance"),
) -> None:
    """Show how a mesh conforms to the Gateway API: a report in the API's own format.

    On the model; on a cluster by the options that scenarios have, as in --provider kind. What pytest says
    meanwhile goes to stderr. The exit status is 0 if all is as the scenarios say, and no test that counts
    failed or was skipped.
    """
    with reported():
        files = sorted(scenarios.glob("*.yaml")) if scenarios.is_dir() else []
        if not files:
            todo = "run it where the harness's scenarios are, or name their folder: --scenarios"
            raise InputError(
                "there are no scenarios of the Gateway API's tests", where=str(scenarios), todo=todo
            )
        meshes = mesh or list(Mesh)
        seen = _run([f"{file}::{one}" for file in files for one in meshes], context.args)
        texts = [_report(seen, one) for one in meshes]
    typer.echo("---\n".join(text for text, _ in texts), nl=False)
    raise typer.Exit(0 if all(success for _, success in texts) else 1)


class Seen:
    """A pytest plugin that keeps verdicts and versions, by stage."""

    def __init__(self) -> None:
        self.cases: dict[str, list[Case]] = defaultdict(list)
        self.versions: dict[str, dict[str, str]] = {}
        self.predicted = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        from harness.plugin.session import PROPERTY
        from harness.report.conformance import Case

        if report.when == "call":
            rows = [value for name, value in report.user_properties if name == PROPERTY]
            for row in rows:
                self.cases[row["stage"]].append(Case.of(row))

    def pytest_runtest_teardown(self, item: Any) -> None:
        from harness.plugin.session import RUNS

        stage, provider = item.parent.name, item.config.stash[RUNS].provider
        if stage not in self.versions:
            self.versions[stage] = dict(provider.versions())
            self.predicted = provider.name == "model"


def _run(targets: list[str], options: list[str]) -> Seen:
    """What pytest sees; raises InputError where it doesn't run to its end."""
    import pytest  # no other command needs it

    seen = Seen()
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main([*targets, "-q", "--assert=plain", *options], plugins=[seen])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise typer.Exit(ERROR)  # pytest has said why
    return seen


def _report(seen: Seen, mesh: Mesh) -> tuple[str, bool]:
    """The report on a mesh as text, and whether all that it counts succeeded."""
    from harness.report.conformance import Run, holds, text, unknown

    cases = seen.cases[mesh.value]
    if wrong := unknown(cases):
        raise InputError(
            f"{wrong[0]!r} is no test of the Gateway API",
            todo="begin the name of each expectation with its test's, as in 'MeshBasic: …'",
        )
    date = datetime.now(UTC).isoformat(timespec="seconds")
    run = Run(mesh.value, seen.versions.get(mesh.value, {}), seen.predicted, date)
    return text(run, cases), holds(run, cases)
