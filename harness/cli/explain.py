"""`harness explain`: what becomes of a request."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.base import InputError, Workload
from harness.base.display import shown
from harness.cli.options import (
    DEFAULT,
    AsJson,
    Authorizers,
    Context,
    GatewayAPI,
    JsonWebKeys,
    Kubeconfig,
    Meshes,
    Namespace,
    ReadOptions,
    Recursive,
    Strict,
    model_of,
    outside_of,
    reported,
)
from harness.cli.output import tell

if TYPE_CHECKING:
    from harness.model import Model, State
    from harness.traffic.request import Request

_OUTSIDE = "outside"
_ANY = Workload("", _OUTSIDE)
"""Stands for the gateway that is yet to be chosen."""

_UNBROKEN = 10_000
"""Columns that no line of an explanation reaches."""


def explain(
    target: Annotated[list[str], typer.Argument(metavar="[METHOD] URL", help="What is sent; GET if absent.")],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="NAMESPACE/WORKLOAD",
            help="Who sends it; `outside` is the internet, through the gateway that has the host.",
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Manifests: a file, folder, dump or kustomization."),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(metavar="NAMESPACE/SERVICE", help="From outside: the Service by which it comes in."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="IP", help="From outside: the address that the gateway sees it come from."),
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    recursive: Recursive = True,
    namespace: Namespace = DEFAULT,
    strict: Strict = False,
    gateway_api: GatewayAPI = None,
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
    jwks: JsonWebKeys = None,
    authorizer: Authorizers = None,
    mesh: Meshes = None,
    as_json: AsJson = False,
) -> None:
    """Explain what becomes of a request, by which resources and fields: predicted, nothing is sent."""
    with reported():
        request = _request(source, target, header or [], claim or [], through, address)
        how = ReadOptions(recursive, namespace, strict, gateway_api)
        model = model_of(paths or [], mesh or [], context, kubeconfig, how, assuming=True)
        model = replace(model, state=replace(model.state, outside=outside_of(jwks, authorizer)))
        request = _placed(model.state, request)
        tell(_explained(model, request, as_json), nl=False, is_safe=True)
        tell(_note(model.state, request), nl=False, err=True)


def _explained(model: Model, request: Request, as_json: bool) -> str:
    """The decision, with its colours, and with all other control characters shown."""
    from rich.console import Console

    from harness.report import decision, served

    decided = model.decide(request)
    kinds = model.state.served, model.unevaluated
    if as_json:
        content = {**decision.data(decided), "served": served.data(*kinds)}
        return shown(json.dumps(content, indent=2, ensure_ascii=False)) + "\n"
    console = Console()
    # A file or pipe gets whole lines.
    width = console.width if console.is_terminal else _UNBROKEN
    colour = console.is_terminal and not console.no_color
    return decision.tree(decided, width, colour=colour) + shown(served.text(*kinds))


def _placed(state: State, request: Request) -> Request:
    """The request as it comes in: from outside through the gateway's Service that has the host."""
    from harness.model import entry

    return replace(request, through=entry.way_in(state, request)) if request.through == _ANY else request


def _note(state: State, request: Request) -> str:
    """What a caller that is a gateway doesn't show: what comes in through it."""
    from harness.model import entry

    way = None if request.through else entry.of_workload(state, request.source)
    return (
        f"this is the pod's own call; what comes in through it: --from outside --through {way}\n"
        if way
        else ""
    )


def _request(
    source: str,
    target: list[str],
    headers: list[str],
    claims: list[str],
    through: str | None,
    address: str | None,
) -> Request:
    from harness.traffic.request import HOST, Request, Token

    *methods, url = target
    method = methods[0] if methods else "GET"
    if len(methods) > 1:
        raise InputError(f"too much to send: {' '.join(target)}", todo="write [METHOD] URL")
    if not re.fullmatch("[A-Z]+", method):
        raise InputError(
            f"{method!r} isn't an HTTP method", todo="write [METHOD] URL, the method in capitals"
        )
    if (through or address) and source != _OUTSIDE:
        raise InputError(f"--{'through' if through else 'address'} goes with --from outside alone")
    try:
        token = Token.parse(claims) if claims else None
        given = tuple(map(_header, headers))
        if source == _OUTSIDE:
            way = Workload.parse(through) if through else _ANY
            return Request(HOST, url, method, given, token=token, through=way, address=address)
        return Request(Workload.parse(source), url, method, given, token=token)
    except ValueError as error:
        raise InputError(str(error)) from error


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[^\s:]+", name):
        raise InputError(f"{text!r} isn't a header", todo="write 'name: value'")
    return name, value.strip()
