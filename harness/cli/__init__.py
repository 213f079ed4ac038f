"""The command `harness`: what needs no pytest."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.check import check, schema
from harness.cli.compare import compare
from harness.cli.conformance import ANYTHING_ELSE, conformance
from harness.cli.discover import discover
from harness.cli.explain import explain
from harness.cli.init import init
from harness.cli.lint import lint
from harness.cli.machine import clean, doctor, versions
from harness.cli.new import demo, new
from harness.cli.output import tell
from harness.cli.report import report
from harness.cli.suggest import suggest
from harness.cli.translate import translate

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Proves each step of a service mesh migration. Scenarios are run by pytest.",
    epilog="Exit statuses of every command: 0 all is as it must be, 1 something isn't, 2 an error, "
    "70 a fault of the harness's own, 128 and more a signal.",
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the versions: of this, of the meshes modelled, of tools.")
    ] = False,
) -> None:
    """Answers options that go with no command."""
    if version:
        tell("\n".join(versions()))
        raise typer.Exit


for command in (
    init, new, check, schema, explain, lint, translate, compare, discover, suggest, doctor, clean,
):  # fmt: skip
    app.command()(command)
app.add_typer(report, name="report")
app.command(context_settings=ANYTHING_ELSE)(demo)
app.command(context_settings=ANYTHING_ELSE)(conformance)
