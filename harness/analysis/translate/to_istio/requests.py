"""Requests that routes on a Server take, by Linkerd's precedence, as conditions of Istio's policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.to_istio.condition import Literal, Unsayable, both, negated
from harness.api.gateway_api.route import AnyCall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.to_istio.condition import Product
    from harness.api.gateway_api.route import Route, RouteMatch

_WILD = frozenset("*{}")
"""What policies of Istio's read as a pattern."""


@dataclass(frozen=True)
class Part:
    """The requests that one match takes, before those that rank lower; `route` is whose it is."""

    route: Route
    conditions: Product
    rank: tuple[int, ...]


def parts(routes: Iterable[Route]) -> tuple[Part, ...]:
    """Returns the matches of a Server's routes, preferred ones first; Unsayable if it can't."""
    every = []
    for route in routes:
        if route.hostnames:
            raise Unsayable("a route has hostnames")
        for rule in route.rules:
            if rule.filters:
                raise Unsayable("a route has filters")
            every += [_part(route, match) for match in rule.matches]
    return tuple(sorted(every, key=lambda part: part.rank, reverse=True))


def taken(every: tuple[Part, ...], index: int) -> tuple[Product, ...]:
    """Returns the requests that a match takes, and none before it."""
    before = [negated(part.conditions) for part in every[:index] if part.route is not every[index].route]
    return both([[every[index].conditions], *before])


def untaken(every: tuple[Part, ...]) -> tuple[Product, ...]:
    """Returns the requests that no match takes."""
    return both([negated(part.conditions) for part in every])


def _part(route: Route, match: RouteMatch) -> Part:
    if any(wanted.kind != "exact" for _, wanted in match.headers):
        raise Unsayable("a match has a regular expression")
    if match.query:
        raise Unsayable("a match has query parameters")
    headers = [
        Literal(f"request.headers[{name.lower()}]", (_plain(wanted.value),)) for name, wanted in match.headers
    ]
    if isinstance(match, AnyCall):
        return Part(route, (), (0, 0, 0))
    if match.rpc:
        if match.rpc.is_regex:
            raise Unsayable("a match has a regular expression")
        service, method = match.rpc.service or "", match.rpc.method or ""
        call = (Literal("methods", ("POST",)), *_call(service, method))
        return Part(route, (*call, *headers), (len(service), len(method), len(headers)))
    conditions, length = list(headers), 1
    if match.path_match:
        kind, value = match.path_match.kind, _plain(match.path_match.value)
        if kind == "regex":
            raise Unsayable("a match has a regular expression")
        stem = value.rstrip("/") if kind == "segments" else value
        length = max(len(stem), 1)
        if kind == "exact":
            conditions.append(Literal("paths", (stem,)))
        elif stem:
            conditions.append(Literal("paths", (stem, f"{stem}/*")))
    if match.method:
        conditions.append(Literal("methods", (match.method,)))
    return Part(route, tuple(conditions), (length, len(headers), 0, int(match.method is not None)))


def _call(service: str, method: str) -> Product:
    if service:
        path = f"/{_plain(service)}/{_plain(method)}"
        return (Literal("paths", (path, f"{path}/*") if method else (f"{path}*",)),)
    if method:
        return (Literal("paths", (f"*/{_plain(method)}",)),)
    return ()


def _plain(text: str) -> str:
    if _WILD & set(text):
        raise Unsayable(f"{text!r} would be a pattern")
    return text
