"""`harness compare`: are two configurations the same for every request?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.base import Mesh
from harness.cli.options import (
    DEFAULT,
    AsJson,
    Namespace,
    ReadOptions,
    Recursive,
    Strict,
    manifests_of,
    reported,
)


def compare(
    before: Annotated[Path, typer.Argument(help="Manifests: a file, folder, dump or kustomization.")],
    after: Annotated[Path, typer.Argument(help="The same for the other configuration.")],
    beside: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="PATH", help="Manifests of both: apps, Services. Repeat it for more."),
    ] = None,
    mesh_before: Annotated[
        Mesh | None, typer.Option(help="The mesh that holds all workloads before, whatever labels say.")
    ] = None,
    mesh_after: Annotated[
        Mesh | None, typer.Option(help="The mesh that holds all workloads after, whatever labels say.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMESPACE/SERVICE[:PART]",
            help="Differences that are accepted, `*` for any: of a Service, or of one part of its answers.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Classes of requests to one port by one class of callers, at most.")
    ] = 2_000,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Compare two configurations over every class of requests that they can tell apart.

    Exit status 1 if there is a difference that isn't accepted, 2 for errors.
    """
    from harness.analysis.compare.configurations import allowed, compared
    from harness.report.comparison import data, text

    with reported():
        common, old, new = (
            manifests_of(paths, ReadOptions(recursive, namespace, strict)).resources
            for paths in (beside or (), [before], [after])
        )
        comparison = compared(
            old, new, beside=common, mesh_before=mesh_before, mesh_after=mesh_after, limit=limit
        )
    patterns = allow or []
    typer.echo(data(comparison, patterns) if as_json else text(comparison, patterns), nl=False)
    raise typer.Exit(0 if all(allowed(difference, patterns) for difference in comparison.differences) else 1)
