"""`harness new` and `harness demo`: the scenarios that come with the harness, copied or run."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.options import reported
from harness.cli.output import tell
from harness.project import shipped
from harness.project.template import copied


def new(
    template: Annotated[
        str | None,
        typer.Option("--template", "-t", metavar="NAME", help="Which one; without it they are listed."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The project that it is copied into.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
) -> None:
    """Copy a scenario that comes with the harness, with its manifests, as a start of your own."""
    with reported():
        if template is None:
            tell(_listed(), nl=False)
            return
        chosen = shipped.named(template)
        for path in copied(chosen, output, force=force):
            tell(f"wrote {path}")
        scenario = output / "scenarios" / chosen.file.name
        tell(f"{chosen.title}: change it as you need it, then run: pytest {scenario}")


def demo(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]... [OPTION]...", help="Which ones (if absent: all); pytest's options."
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name them, and run none.")] = False,
) -> None:
    """Run scenarios that come with the harness: a look at what it does, without a file of your own.

    On the model; on a cluster by pytest's options, which come last, as in --provider kind. The exit status
    is pytest's.
    """
    with reported():
        if listed:
            tell(_listed(), nl=False)
            return
        names = list(takewhile(lambda word: not word.startswith("-"), words or ()))
        chosen = [shipped.named(name) for name in names] or shipped.scenarios()
        files = [str(each.file) for each in chosen]
    import pytest  # takes long, and may be missing no more than any other part

    # The project around has settings for its own tests; and a package's folder keeps no cache.
    own = ["-c", os.devnull, "--rootdir", str(shipped.FOLDER), "-p", "no:cacheprovider", "--assert=plain"]
    raise typer.Exit(pytest.main([*files, *own, *(words or ())[len(names) :]]))


def _listed() -> str:
    """A line for each scenario."""
    every = shipped.scenarios()
    width = max(len(each.name) for each in every)
    return "".join(f"{each.name:{width}}  {each.title}\n" for each in every)
