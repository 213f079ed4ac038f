"""`harness clean`: what killed runs left behind."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.options import reported


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only listed.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="Also clusters that were meant to stay.")] = False,
) -> None:
    """List, and remove, what runs left behind that were killed: clusters, namespaces, files."""
    from harness.cluster.ownership.reclaim import clean as cleaned  # the other commands need no cluster

    with reported():
        for line in cleaned(remove=yes, kept=kept):
            typer.echo(line)
