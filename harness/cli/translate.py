"""`harness translate`: one mesh's configuration for the other one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Mesh, did_you_mean
from harness.base.files import write_text
from harness.cli.options import (
    DEFAULT,
    AsHtml,
    AsJson,
    AsSarif,
    Context,
    GatewayAPI,
    Kubeconfig,
    Namespace,
    Quiet,
    ReadOptions,
    Recursive,
    Strict,
    cluster_objects,
    manifests_of,
    one_form,
    reported,
    taken_secrets,
)
from harness.cli.output import tell
from harness.cli.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.translate import Severity, Translation
    from harness.analysis.translate.proof import Proof
    from harness.manifests.files import Manifests

_BUILTIN = "builtin"


def translate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Manifests: the other mesh's configuration, the Services and workloads it is for."
        ),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="MESH", help="The mesh to translate for: linkerd or istio.")
    ] = "linkerd",
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
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Where files go; else it is printed.")
    ] = None,
    prove: Annotated[
        bool,
        typer.Option(
            "--prove/--no-prove", help="Compare the estate with its translation, and hold it to the findings."
        ),
    ] = True,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY",
            help="The least severity of a finding that fails: lost, changed or check; if absent none does.",
        ),
    ] = None,
    as_json: AsJson = False,
    as_sarif: AsSarif = False,
    html: AsHtml = None,
    quiet: Quiet = False,
) -> None:
    """Translate Istio's configuration for Linkerd, or Linkerd's for Istio, and tell what that changes.

    The estate is compared with what becomes of it: each difference must have its finding, and each loss its
    difference. Exit status 1 if something isn't proven, or a finding fails, 2 for errors.
    """
    from harness.analysis.translate import writer  # the other commands need no translator
    from harness.analysis.translate.manifests import translated
    from harness.report import translation as report
    from harness.report.sarif import translation as sarif

    with reported():
        one_form(json=as_json, sarif=as_sarif)
        failing = _failing(fail_on)
        mesh = _mesh(to)
        tool = _asks_tool(mesh, using, tool_output)
        how = ReadOptions(recursive, namespace, strict, gateway_api)
        manifests = _manifests(paths or [], context, kubeconfig, tool=tool, how=how)
        made = translated(manifests.resources, to=mesh, tool=tool, tool_output=tool_output)
        proof = _proof(manifests, made, assuming=context is None) if prove else None
        if proof:
            made = replace(made, findings=(*made.findings, *proof.estate_wide))
        files = writer.files(made)
        if folder:
            writer.write(folder, files)
        if html:
            from harness.report.html.views import translation as view  # templates take long to import

            write_text(html, view.page(made, proof))
    if as_json:
        tell(json.dumps(report.data(made, proof), indent=2, ensure_ascii=False))
    elif as_sarif:
        tell(json.dumps(sarif.data(made, proof), indent=2, ensure_ascii=False))
    elif folder:
        tell("".join(f"{folder / name}\n" for name in files), nl=False)
    else:
        tell(writer.manifests(made.translated, made.findings), nl=False)
    tell(report.sums(made, proof) if quiet else report.text(made, proof), nl=False, err=True)
    fails = any(finding.severity in failing for finding in made.findings)
    raise typer.Exit(1 if fails or (proof and proof.unproven) else 0)


def _failing(severity: str | None) -> Sequence[Severity]:
    """The severities of findings that fail: the one that is named, and those that are worse."""
    from harness.analysis.translate import Severity

    order = tuple(Severity)
    valid = [each.value for each in order if each is not Severity.REPAIRED]
    if severity is None:
        return ()
    if severity not in valid:
        raise InputError(f"no findings are {severity!r}", todo=did_you_mean(severity, valid))
    return order[: order.index(Severity(severity)) + 1]


def _mesh(name: str) -> Mesh:
    """The mesh to translate for; raises InputError if there is none of that name."""
    if name not in tuple(Mesh):
        raise InputError(f"can't translate to {name!r}", todo=did_you_mean(name, tuple(Mesh)))
    return Mesh(name)


def _asks_tool(to: Mesh, using: str, tool_output: Path | None) -> bool:
    """Whether ingress2gateway is to translate; raises InputError if the options don't go together."""
    from harness.analysis.translate.ingress2gateway import TOOL

    if using not in (_BUILTIN, TOOL):
        raise InputError(f"unknown translator {using!r}", todo=did_you_mean(using, (_BUILTIN, TOOL)))
    if using == TOOL and to is not Mesh.LINKERD:
        raise InputError(f"{TOOL} reads Istio's configuration alone", todo=f"leave out --using {TOOL}")
    if tool_output and using != TOOL:
        raise InputError("--tool-output goes with --using ingress2gateway")
    return using == TOOL


def _manifests(
    paths: Sequence[Path],
    context: str | None,
    kubeconfig: Path | None,
    *,
    tool: bool,
    how: ReadOptions,
) -> Manifests:
    """Returns the objects to translate, of files or of a cluster, one of which must be named."""
    if context is not None:
        from harness.api.kubernetes.metadata import configuration
        from harness.manifests.files import Manifests

        if paths or tool or how.gateway_api:
            raise InputError("--context goes with neither manifests, --gateway-api nor ingress2gateway")
        return Manifests((tuple(configuration(cluster_objects(context, kubeconfig))),))
    if not paths or kubeconfig:
        raise InputError("nothing to translate", todo="name manifests, or a cluster's context (--context)")
    return manifests_of(paths, how)


def _proof(manifests: Manifests, made: Translation, *, assuming: bool) -> Proof:
    from harness.analysis.translate.proof import prove  # its model is large

    secrets = taken_secrets(manifests.resources) if assuming else ()
    with Progress("proving by groups of targets") as progress:
        return prove((*manifests.resources, *secrets), made, manifests.unread, progress=progress)
