"""`harness report`: what runs have written, for people, and of several runs joined."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import reported
from harness.cli.output import command, tell

if TYPE_CHECKING:
    from harness.report.document.models import Document

report = typer.Typer(no_args_is_help=True, help="Show what runs have written, or join it.")

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="What `pytest --harness-report-json FILE` wrote.")
]


@report.command()
def merge(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The joined file.")],
) -> None:
    """Join files of several runs, of shards or machines. A shard that is missing is said."""
    from harness.report.document.files import write
    from harness.report.document.summary import headline

    with reported():
        document = _joined(files)
        write(document, output, "json")
    tell(headline(document))


@report.command()
def show(
    files: Files,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="A page to write, in one file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Markdown to write, for a review.")
    ] = None,
) -> None:
    """Write a page or Markdown of what runs have written; without either, print the Markdown."""
    from harness.report.document.files import text, write

    with reported():
        document = _joined(files)
        if html is not None:
            write(document, html, "html")
        if markdown is not None:
            write(document, markdown, "markdown")
    if html is None and markdown is None:
        tell(text(document, "markdown"), nl=False)


@report.command()
def annotate(files: Files) -> None:
    """Print what isn't proven as annotations of lines, which a job of GitHub's Actions shows in a review."""
    from harness.report.document.annotations import commands

    with reported():
        document = _joined(files)
    command(commands(document))


def _joined(files: list[Path]) -> Document:
    from harness.report.document.files import read
    from harness.report.document.joining import joined

    return joined([read(path) for path in files])
