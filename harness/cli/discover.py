"""`harness discover`: what is in use, what becomes of it, and in which order to migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import AsJson, Context, Kubeconfig, reported


def discover(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests: files, folders, dumps or kustomizations.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    helm_values: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="What `helm get values istiod -o yaml` printed, or the IstioOperator file of istioctl.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which of Istio's features are in use, what becomes of each, and in which order to migrate."""
    from harness.analysis.discover import command  # the other commands need no translator

    with reported():
        found = command.run(paths or [], helm_values or [], context, kubeconfig, as_json=as_json)
    typer.echo(found, nl=False)
