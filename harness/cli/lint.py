"""`harness lint`: known traps in a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.base import InputError
from harness.base.files import write_text
from harness.cli.options import (
    DEFAULT,
    AsHtml,
    AsJson,
    AsSarif,
    Context,
    GatewayAPI,
    Kubeconfig,
    Meshes,
    Namespace,
    Quiet,
    ReadOptions,
    Recursive,
    Strict,
    model_of,
    one_form,
    reported,
)
from harness.cli.output import tell


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests: files, folders, dumps or kustomizations.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
    mesh: Meshes = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Ask this rule alone: its id, a pattern of ids, or istioctl's code; repeat it for more.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="A rule that isn't asked; repeat it for more.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY",
            help="The least severity of a trap that fails: error, warning (if absent), info, or never.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Known traps, which don't fail.")
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write the traps that are there to the baseline.")
    ] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules, and ask none.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="RULE", help="Print the page of a rule, and ask none.")
    ] = None,
    as_json: AsJson = False,
    as_sarif: AsSarif = False,
    html: AsHtml = None,
    quiet: Quiet = False,
) -> None:
    """Find known traps in a configuration, without any request.

    Exit status 1 if there is one of the severity that fails, 2 for errors. Settings can stand in the table
    [tool.harness.lint] of a pyproject.toml.
    """
    from harness.analysis.lint import RULES, settings
    from harness.analysis.lint import baseline as baselines
    from harness.analysis.lint import lint as report_of
    from harness.report import lint as report
    from harness.report.sarif import lint as sarif

    if rules:
        tell(report.listing(), nl=False)
        return
    with reported():
        one_form(json=as_json, sarif=as_sarif)
        if explain:
            meant = [rule for rule in RULES.values() if settings.among(rule, (explain,))]
            if not meant:
                raise settings.unknown_rule(explain, "--explain")
            tell("\n".join(map(report.explanation, meant)), nl=False)
            return
        chosen = settings.nearest(Path.cwd()).over(select or (), ignore or (), fail_on, baseline)
        if write_baseline and not chosen.baseline:
            raise InputError("no baseline to write", todo="name its file by --baseline")
        before = baselines.read(chosen.baseline) if chosen.baseline and not write_baseline else None
        how = ReadOptions(recursive, namespace, strict, gateway_api)
        model = model_of(paths or [], mesh or [], context, kubeconfig, how)
        result = report_of(model.state, model.omissions, chosen, before)
        if write_baseline and chosen.baseline:
            write_text(chosen.baseline, baselines.text(result.traps))
            count = len(result.traps)
            tell(f"wrote {count} trap{'s' * (count != 1)} to {chosen.baseline}")
            return
        if html:
            from harness.report.html.views import lint as view  # templates take long to import

            write_text(html, view.page(result, model))
    if as_sarif:
        tell(json.dumps(sarif.data(result), indent=2, ensure_ascii=False))
    elif as_json:
        tell(json.dumps(report.data(result, model), indent=2, ensure_ascii=False))
    else:
        tell(report.summary(result) if quiet else report.text(result, model), nl=False)
    raise typer.Exit(1 if result.fails(chosen) else 0)
