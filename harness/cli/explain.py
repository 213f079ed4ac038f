"""`harness explain`: what becomes of a request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Workload
from harness.cli.options import (
    DEFAULT,
    AsJson,
    Context,
    Kubeconfig,
    Meshes,
    Namespace,
    ReadOptions,
    Recursive,
    Strict,
    model_of,
    reported,
)

if TYPE_CHECKING:
    from harness.model import Model
    from harness.traffic.request import Request

_UNBROKEN = 10_000
"""Columns that no line of an explanation reaches."""


def explain(
    target: Annotated[list[str], typer.Argument(metavar="[METHOD] URL", help="What is sent; GET if absent.")],
    source: Annotated[str, typer.Option("--from", metavar="NAMESPACE/WORKLOAD", help="Who sends it.")],
    paths: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Manifests: a file, folder, dump or kustomization."),
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="A request header.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A claim of the JWT that it carries; its signature is taken for its issuer's. Repeat it for "
            "more claims, and for lists; nested ones are written a.b, or [a][b].",
        ),
    ] = None,
    mesh: Meshes = None,
    as_json: AsJson = False,
) -> None:
    """Explain what becomes of a request, by which resources and fields: predicted, nothing is sent."""
    with reported():
        request = _request(source, target, header or [], claim or [])
        model = model_of(
            paths or [], mesh or [], context, kubeconfig, ReadOptions(recursive, namespace, strict)
        )
        typer.echo(_explained(model, request, as_json), nl=False)


def _explained(model: Model, request: Request, as_json: bool) -> str:
    from rich.console import Console

    from harness.report import decision, served

    decided = model.decide(request)
    kinds = model.state.served, model.unevaluated
    if as_json:
        content = {**decision.data(decided), "served": served.data(*kinds)}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    console = Console()
    # A file or pipe gets whole lines.
    width = console.width if console.is_terminal else _UNBROKEN
    colour = console.is_terminal and not console.no_color
    return decision.tree(decided, width, colour=colour) + served.text(*kinds)


def _request(source: str, target: list[str], headers: list[str], claims: list[str]) -> Request:
    from harness.traffic.request import Request, Token

    *methods, url = target
    method = methods[0] if methods else "GET"
    if len(methods) > 1:
        raise InputError(f"too much to send: {' '.join(target)}", todo="write [METHOD] URL")
    if not re.fullmatch("[A-Z]+", method):
        raise InputError(
            f"{method!r} isn't an HTTP method", todo="write [METHOD] URL, the method in capitals"
        )
    try:
        token = Token.parse(claims) if claims else None
        return Request(Workload.parse(source), url, method, tuple(map(_header, headers)), token=token)
    except ValueError as error:
        raise InputError(str(error)) from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[^\s:]+", name):
        raise InputError(f"{text!r} isn't a header", todo="write 'name: value'")
    return name, value.strip()
