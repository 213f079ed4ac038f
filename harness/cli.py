"""The command `harness`: what needs no pytest."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import __version__
from harness.commands.check import check, schema
from harness.commands.clean import clean
from harness.commands.compare import compare
from harness.commands.discover import discover
from harness.commands.doctor import doctor
from harness.commands.explain import explain
from harness.commands.lint import lint
from harness.commands.suggest import suggest
from harness.commands.translate import translate

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Proves each step of a service mesh migration. Scenarios are run by pytest.",
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Answers options that go with no command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


for command in (check, schema, explain, lint, translate, compare, discover, suggest, doctor, clean):
    app.command()(command)


def main() -> None:
    """Runs the command."""
    app()
