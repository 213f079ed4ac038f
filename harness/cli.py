"""The command `harness`: what needs no pytest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
from harness.errors import HarnessError, InputError, did_you_mean
from harness.scenario import load_scenario
from harness.scenario.schema import scenario_schema
from harness.settings import SCENARIO_SUFFIXES, is_scenario
from harness.traffic.request import Request
from harness.vocabulary import Mesh, Workload

_UNBROKEN = 10_000
"""Columns that no line of an explanation reaches."""

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


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Scenario files, or folders of them.")],
) -> None:
    """Check scenario files and the manifests that they name, without running them."""
    files = [file for path in paths for file in _scenario_files(path)]
    if not files:
        typer.echo(f"no scenario files in {', '.join(map(str, paths))}", err=True)
        raise typer.Exit(2)
    broken = 0
    for file in files:
        try:
            scenario = load_scenario(file)
        except HarnessError as error:
            broken += 1
            typer.echo(str(error), err=True)
        else:
            checks = sum(len(stage.checks) for stage in scenario.stages)
            typer.echo(f"{file}: {len(scenario.stages)} stages, {checks} expectations")
    raise typer.Exit(1 if broken else 0)


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    typer.echo(json.dumps(scenario_schema(), indent=2))


@app.command()
def explain(
    target: Annotated[list[str], typer.Argument(metavar="[METHOD] URL", help="What is sent; GET if absent.")],
    paths: Annotated[
        list[Path], typer.Option("--file", "-f", help="Manifests: a file, folder, dump or kustomization.")
    ],
    source: Annotated[str, typer.Option("--from", metavar="NAMESPACE/WORKLOAD", help="Who sends it.")],
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="A request header.")
    ] = None,
    mesh: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAMESPACE=]MESH",
            help="A mesh that is installed (if absent: those that the manifests use); with a namespace: "
            "the mesh that holds it (or none), whatever its labels say.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for machines.")] = False,
) -> None:
    """Explain what becomes of a request, by which resources and fields: predicted, without a cluster."""
    try:
        request = _request(source, target, header or [])
        typer.echo(_explained(paths, request, mesh or [], as_json), nl=False)
    except HarnessError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _explained(paths: list[Path], request: Request, meshes: list[str], as_json: bool) -> str:
    from rich.console import Console

    from harness.model import load  # the other commands need no model
    from harness.report import decision

    installed, placed = _meshes(meshes)
    state = load(paths, installed or None, placed)
    if request.source not in state.running:
        raise InputError(
            f"the manifests have no workload {request.source}",
            todo=did_you_mean(str(request.source), map(str, state.running)),
        )
    outcomes = state.decide(request)
    client = state.pods_of(request.source)[0]
    proxy = client.mesh.proxy if client.mesh else None
    if as_json:
        return json.dumps(decision.data(request, proxy, outcomes), indent=2, ensure_ascii=False) + "\n"
    console = Console()
    # A file or pipe gets whole lines.
    width = console.width if console.is_terminal else _UNBROKEN
    colour = console.is_terminal and not console.no_color
    return decision.tree(request, proxy, outcomes, width, colour=colour)


def _request(source: str, target: list[str], headers: list[str]) -> Request:
    *methods, url = target
    method = methods[0] if methods else "GET"
    if len(methods) > 1:
        raise InputError(f"too much to send: {' '.join(target)}", todo="write [METHOD] URL")
    if not re.fullmatch("[A-Z]+", method):
        raise InputError(
            f"{method!r} isn't an HTTP method", todo="write [METHOD] URL, the method in capitals"
        )
    try:
        return Request(Workload.parse(source), url, method, tuple(map(_header, headers)))
    except ValueError as error:
        raise InputError(str(error)) from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[^\s:]+", name):
        raise InputError(f"{text!r} isn't a header", todo="write 'name: value'")
    return name, value.strip()


def _meshes(texts: list[str]) -> tuple[set[Mesh], dict[str, Mesh | None]]:
    """The meshes that are installed, and those that hold a namespace."""
    installed: set[Mesh] = set()
    placed: dict[str, Mesh | None] = {}
    for text in texts:
        namespace, equals, name = text.rpartition("=")
        valid = (*Mesh, "none") if equals else tuple(Mesh)
        if name not in valid:
            raise InputError(f"unknown mesh {name!r}", todo=did_you_mean(name, valid))
        if equals:
            placed[namespace] = None if name == "none" else Mesh(name)
        else:
            installed.add(Mesh(name))
    return installed, placed


def _scenario_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (file for suffix in SCENARIO_SUFFIXES for file in path.rglob(f"*{suffix}"))
    return sorted(file for file in found if is_scenario(file.resolve()))


def main() -> None:
    """Runs the command."""
    app()
