"""`harness conformance`: what the Gateway API asks of a mesh, and what it makes of that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Mesh
from harness.cli.options import ERROR, reported
from harness.cli.output import tell
from harness.project.shipped import CONFORMANCE

if TYPE_CHECKING:
    from harness.plugin.judged import Judged

ANYTHING_ELSE = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options that aren't the command's own are pytest's."""

QUICK = ("--parallel", "4", "--deviation", "0.1")
"""Many answers, each all or nothing and at once: few clients and fewer requests show them as well."""


def conformance(
    context: typer.Context,
    mesh: Annotated[
        list[Mesh] | None, typer.Option(help="The mesh whose conformance is shown (if absent: both).")
    ] = None,
    scenarios: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            show_default="those that come with the harness",
            help="The scenarios that say what the API asks.",
        ),
    ] = CONFORMANCE,
) -> None:
    """Show how a mesh conforms to the Gateway API: a report in the API's own format.

    On the model; on a cluster by the options that scenarios have, as in --provider kind. What pytest says
    meanwhile goes to stderr. The exit status is 0 if all that was asked is as the scenarios say, and
    no test that counts failed.
    """
    from harness.plugin.judged import judged  # no other command needs pytest

    with reported():
        files = sorted(scenarios.glob("*.yaml")) if scenarios.is_dir() else []
        if not files:
            todo = "name a folder that has them, or leave --scenarios out"
            raise InputError(
                "there are no scenarios of the Gateway API's tests", where=str(scenarios), todo=todo
            )
        meshes = mesh or list(Mesh)
        seen = judged(files, meshes, [*QUICK, *context.args])
        if seen is None:
            raise typer.Exit(ERROR)
        texts = [_report(seen, name) for name in meshes]
    tell("---\n".join(text for text, _ in texts), nl=False)
    raise typer.Exit(0 if all(success for _, success in texts) else 1)


def _report(seen: Judged, mesh: Mesh) -> tuple[str, bool]:
    """The report on a mesh as text, and whether all is well."""
    from harness.report.conformance import Case, Run, holds, text, unknown

    cases = list(map(Case.of, seen.rows[mesh.value]))
    if wrong := unknown(cases):
        raise InputError(
            f"{wrong[0]!r} is no test of the Gateway API",
            todo="begin the name of each expectation with its test's, as in 'MeshBasic: …'",
        )
    date = datetime.now(UTC).isoformat(timespec="seconds")
    run = Run(mesh.value, seen.versions.get(mesh.value, {}), seen.predicted, date)
    return text(run, cases), holds(run, cases)
