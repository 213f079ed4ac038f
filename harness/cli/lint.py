"""`harness lint`: known traps in a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, did_you_mean
from harness.cli.options import AsJson, Context, Kubeconfig, Meshes, model_of, reported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.lint import Trap
    from harness.model import Model


def lint(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests: files, folders, dumps or kustomizations.")
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    mesh: Meshes = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="A rule that isn't asked; repeat it for more.")
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules, and ask none.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find known traps in a configuration, without any request.

    Exit status 1 if there is one, 2 for errors.
    """
    from harness.analysis.lint import RULES
    from harness.analysis.lint import lint as traps_of

    if rules:
        for name, check in RULES.items():
            typer.echo(f"{name}: {' '.join((check.__doc__ or '').split())}")
        return
    with reported(2):
        unknown = next((name for name in ignore or () if name not in RULES), None)
        if unknown:
            raise InputError(f"unknown rule {unknown!r}", todo=did_you_mean(unknown, RULES))
        model = model_of(paths or [], mesh or [], context, kubeconfig, lenient=True)
        traps = [trap for trap in traps_of(model.state) if trap.rule not in (ignore or ())]
    typer.echo(_data(traps, model) if as_json else _text(traps, model), nl=False)
    raise typer.Exit(1 if traps or model.omissions else 0)


def _text(traps: Sequence[Trap], model: Model) -> str:
    from harness.report import served

    lines = [f"{trap}\n" for trap in traps]
    for omission in model.omissions:
        lines.append(f"{omission.place}: " if omission.place else "")
        about = f"{omission.resource} {omission.field}".rstrip()
        lines.append(f"{about}: isn't looked at: {omission.why}\n")
    lines.append(served.text(model.state.served, model.unevaluated))
    lines.append(f"{len(traps)} traps\n" if traps or model.omissions else "no known trap\n")
    return "".join(lines)


def _data(trapped: Sequence[Trap], model: Model) -> str:
    from harness.report import served

    traps = [
        {
            "rule": trap.rule,
            "where": str(trap.where),
            "resource": str(trap.finding.resource),
            "field": trap.finding.field,
            "what": trap.finding.what,
            "why": trap.finding.why,
            "fix": trap.finding.fix,
        }
        for trap in trapped
    ]
    omitted = [
        {
            "where": str(omission.place),
            "resource": str(omission.resource),
            "field": omission.field,
            "why": omission.why,
        }
        for omission in model.omissions
    ]
    kinds = served.data(model.state.served, model.unevaluated)
    content = {"traps": traps, "not_looked_at": omitted, "served": kinds}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
