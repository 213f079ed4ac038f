"""`harness init`: a project of the user's own, begun from the manifests or the cluster that she has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError
from harness.base.files import write_text
from harness.cli.options import (
    DEFAULT,
    Context,
    GatewayAPI,
    Kubeconfig,
    Namespace,
    ReadOptions,
    reported,
)
from harness.cli.output import tell
from harness.cli.suggest import sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.project.beginning import Begun


def init(
    folder: Annotated[
        Path, typer.Argument(help="The project: a folder with manifests, or an empty one.")
    ] = Path(),
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Namespace = DEFAULT,
    gateway_api: GatewayAPI = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")
    ] = False,
) -> None:
    """Begin a project: a first scenario of a folder's manifests or of a cluster, settings, a CI workflow.

    Files that are there stay as they are.
    """
    from harness.project.beginning import SCENARIO, files, manifests
    from harness.suggest.composition import compose

    with reported():
        if folder.exists() and not folder.is_dir():
            raise InputError("a project is a folder", where=str(folder))
        estate = manifests(folder) if context is None and folder.is_dir() else []
        if context is None and not estate:
            raise InputError(
                "there are no manifests here",
                where=str(folder),
                todo="copy them here, name a cluster (--context), or begin with a template (harness new)",
            )
        scenario = folder / SCENARIO
        summary = ""
        if scenario.exists():
            tell(f"kept  {scenario}: it is there already")
        elif dry_run:
            tell(f"would write {scenario}, of {', '.join(map(str, estate)) or f'the cluster of {context}'}")
        else:
            how = ReadOptions(recursive=True, namespace=namespace, strict=False, gateway_api=gateway_api)
            summary = compose(sources_of(estate, context, kubeconfig, how), scenario)
        for line in _written(files(folder, [path.relative_to(folder) for path in estate]), dry_run=dry_run):
            tell(line)
        tell(summary, nl=False)


def _written(begun: Iterable[Begun], *, dry_run: bool) -> Iterable[str]:
    """Writes what isn't there yet; yields a line for each file."""
    for each in begun:
        remark = f": {each.remark}" if each.remark else ""
        if each.text is None:
            yield f"kept  {each.path}{remark}"
            continue
        if not dry_run:
            write_text(each.path, each.text)
        yield f"{'would write' if dry_run else 'wrote'} {each.path}{remark}"
