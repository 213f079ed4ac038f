"""The command `harness`: what needs no pytest."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import __version__
from harness.cli.check import check, schema
from harness.cli.compare import compare
from harness.cli.conformance import ANYTHING_ELSE, conformance
from harness.cli.discover import discover
from harness.cli.explain import explain
from harness.cli.lint import lint
from harness.cli.machine import clean, doctor
from harness.cli.output import tell
from harness.cli.suggest import suggest
from harness.cli.translate import translate

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Proves each step of a service mesh migration. Scenarios are run by pytest.",
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Answers options that go with no command."""
    if version:
        tell(__version__)
        raise typer.Exit


for command in (check, schema, explain, lint, translate, compare, discover, suggest, doctor, clean):
    app.command()(command)
app.command(context_settings=ANYTHING_ELSE)(conformance)
