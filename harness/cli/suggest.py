"""`harness suggest`: a scenario of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Context, Kubeconfig, reported


def suggest(
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The scenario to write.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests: the apps, and Istio's configuration."),
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    by_namespace: Annotated[
        bool, typer.Option("--by-namespace", help="A stage for each namespace, not one for all.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Expectations of each topic, at most.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Write a scenario of a configuration: what it does now, as expectations for a move to Linkerd."""
    from harness.suggest import command  # the other commands suggest nothing

    with reported():
        told = command.run(
            paths or [],
            file,
            context=context,
            kubeconfig=kubeconfig,
            by_namespace=by_namespace,
            limit=limit,
            force=force,
        )
    typer.echo(told, nl=False)
