"""`harness doctor`: what a machine has for real clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import reported


def doctor(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Apps' manifests, whose images are looked for.")
    ] = None,
) -> None:
    """Tell what this machine has for real clusters, and what to do about what is missing."""
    from harness.ground.doctor import diagnose

    with reported():
        found = diagnose(apps=paths or ())
    for line in found.lines():
        typer.echo(line)
    raise typer.Exit(0 if found.can_run() else 1)
