"""`harness translate`: Istio's configuration for Linkerd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import Context, Kubeconfig, reported


def translate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests: Istio's configuration, the Services and workloads it is for."),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="MESH", help="The mesh to translate for.")] = "linkerd",
    using: Annotated[
        str, typer.Option(metavar="TOOL", help="Who translates: builtin, or ingress2gateway, repaired.")
    ] = "builtin",
    tool_output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What ingress2gateway printed, if it ran elsewhere.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where files go; else it is printed.")
    ] = None,
) -> None:
    """Translate Istio's configuration to routes and Linkerd's policies, and tell what that changes."""
    from harness.analysis.translate import command  # the other commands need no translator

    with reported():
        made = command.run(paths or [], to, using, tool_output, context, kubeconfig)
        printed, told = command.output(made, folder)
    typer.echo(printed, nl=False)
    typer.echo(told, nl=False, err=True)
