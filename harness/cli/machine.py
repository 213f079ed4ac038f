"""`harness doctor` and `harness clean`: a machine's means for clusters, what killed runs left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
from harness.base.vocabulary import MODELLED
from harness.cli.options import reported
from harness.cli.output import tell


def doctor(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Apps' manifests, whose images are looked for.")
    ] = None,
) -> None:
    """Tell what this machine has for real clusters, and what to do about what is missing."""
    from harness.ground.doctor import diagnose

    with reported():
        diagnosis = diagnose(apps=paths or ())
    for line in diagnosis.lines():
        tell(line)
    raise typer.Exit(0 if diagnosis.can_run() else 1)


def versions() -> tuple[str, ...]:
    """Returns a line for the harness, for what its model is of, and for each tool that is on PATH."""
    from harness.ground.doctor import tools

    return (
        f"mesh-migration-harness {__version__}",
        f"models: {', '.join(f'{what} {version}' for what, version in MODELLED.items())}",
        *(f"{tool.what}: {tool.found or tool.todo}" for tool in tools()),
    )


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only listed.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Also clusters that were meant to stay.")] = False,
) -> None:
    """List, and remove, what runs left behind that were killed: clusters, namespaces, files."""
    from harness.cluster.ownership.reclaim import clean as cleaned  # the other commands need no cluster

    with reported():
        for line in cleaned(remove=yes, kept=kept):
            tell(line)
