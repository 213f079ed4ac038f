"""`harness translate`: Istio's configuration for Linkerd."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Mesh, did_you_mean
from harness.cli.options import (
    DEFAULT,
    Context,
    Kubeconfig,
    Namespace,
    Recursive,
    cluster_objects,
    manifests_of,
    reported,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.translate.translation import Translation

_BUILTIN = "builtin"


def translate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Manifests: Istio's configuration, the Services and workloads it is for."),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="MESH", help="The mesh to translate for.")] = "linkerd",
    using: Annotated[
        str, typer.Option(metavar="TOOL", help=f"Who translates: {_BUILTIN}, or ingress2gateway, repaired.")
    ] = _BUILTIN,
    tool_output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What ingress2gateway printed, if it ran elsewhere.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where files go; else it is printed.")
    ] = None,
) -> None:
    """Translate Istio's configuration to routes and Linkerd's policies, and tell what that changes."""
    with reported():
        made = _translation(paths or [], to, using, tool_output, context, kubeconfig, recursive, namespace)
        printed, beside = _written(made, folder)
    typer.echo(printed, nl=False)
    typer.echo(beside, nl=False, err=True)


def _translation(
    paths: Sequence[Path],
    to: str,
    using: str,
    tool_output: Path | None,
    context: str | None,
    kubeconfig: Path | None,
    recursive: bool,
    namespace: str,
) -> Translation:
    """Returns the translation that the options ask for; raises InputError if they don't go together."""
    # The other commands need no translator.
    from harness.analysis.translate.ingress2gateway import TOOL
    from harness.analysis.translate.manifests import translated
    from harness.analysis.translate.translation import translate as translated_objects
    from harness.api.kubernetes.metadata import configuration

    if to != Mesh.LINKERD:
        raise InputError(f"can't translate to {to!r}", todo=did_you_mean(to, (Mesh.LINKERD,)))
    if using not in (_BUILTIN, TOOL):
        raise InputError(f"unknown translator {using!r}", todo=did_you_mean(using, (_BUILTIN, TOOL)))
    tool = using == TOOL
    if tool_output and not tool:
        raise InputError("--tool-output goes with --using ingress2gateway")
    if context is not None:
        if paths or tool:
            raise InputError("--context goes with neither manifests nor ingress2gateway")
        return translated_objects(configuration(cluster_objects(context, kubeconfig)))
    if not paths or kubeconfig:
        raise InputError("nothing to translate", todo="name manifests, or a cluster's context (--context)")
    manifests = manifests_of(paths, recursive=recursive, namespace=namespace)
    return translated(manifests.resources, tool=tool, tool_output=tool_output)


def _written(made: Translation, folder: Path | None) -> tuple[str, str]:
    """Writes a translation to a folder, if there is one; returns what to print, and what beside it."""
    from harness.analysis.translate import writer
    from harness.report import served

    notes = [str(finding) for finding in made.findings]
    notes += [f"{patch}:\n  do:  {writer.patch_command(patch)}" for patch in made.patches]
    beside = "".join(f"{note}\n" for note in notes) + served.text(made.served)
    if folder is None:
        return writer.manifests(made.translated, made.findings), beside
    texts = writer.files(made)
    writer.write(folder, texts)
    return "".join(f"{folder / name}\n" for name in texts), beside
