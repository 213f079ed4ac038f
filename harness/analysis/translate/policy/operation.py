"""Operations of an AuthorizationPolicy's rules, as sets of requests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from harness.analysis.translate.policy.source import fits
from harness.analysis.translate.route.matches import EVERY, METHODS, RequestMatch, Text, Unsayable
from harness.api.istio.security.authorization_policy import path_condition, path_expression
from harness.base.errors import InputError
from harness.base.expressions import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.security.authorization_policy import Operation
    from harness.api.node import Node


@dataclass(frozen=True)
class Region:
    """Requests: those that a match takes on these ports, but not those that others take."""

    match: RequestMatch = EVERY
    unless: tuple[RequestMatch, ...] = ()
    ports: frozenset[int] | None = None
    not_ports: frozenset[int] = frozenset()

    def on(self, port: int | None) -> bool:
        """Returns whether it has requests to a pod's port; None stands for ports that nobody names."""
        return (self.ports is None or port in self.ports) and port not in self.not_ports

    def covers(self, match: RequestMatch) -> bool:
        """Returns whether it holds all requests of a match, as long as finer matches are looked at first."""
        return self.match.covers(match) and not any(exception.covers(match) for exception in self.unless)


def regions_of(_: Draft, part: Operation) -> Iterable[Region]:
    """Yields the requests of an operation; raises Unsayable for a part that no route can say."""
    for key, hosts in (("hosts", part.hosts), ("notHosts", part.not_hosts)):
        if hosts:
            raise Unsayable(f"a Server's routes don't go by Host here ({key})")
    methods = [method for text in part.methods for method in _methods(text)]
    paths = [_path(text) for text in part.paths]
    unless = [RequestMatch(method=method) for text in part.not_methods for method in _methods(text)]
    unless += [RequestMatch(path=_path(text)) for text in part.not_paths]
    ports, not_ports = numbers(part, "ports", part.ports), numbers(part, "notPorts", part.not_ports)
    for method, path in product(methods or [None], paths or [None]):
        yield Region(RequestMatch(path, method), tuple(unless), ports or None, not_ports)


def numbers(part: Node, key: str, texts: Iterable[str]) -> frozenset[int]:
    """Returns the ports that a field names; raises InputError for one that isn't a number."""
    for index, text in enumerate(texts):
        if not text.isdecimal():
            field = f"{part.at(key)}[{index}]"
            words = f"{part.resource} {field} must be a number, not {text!r}"
            raise InputError(words, where=part.resource.place(field))
    return frozenset(map(int, texts))


def _methods(text: str) -> tuple[str | None, ...]:
    if text == "*":
        return (None,)
    methods = tuple(method for method in METHODS if fits(text, method))
    if not methods:
        raise Unsayable(f"no route names the method {text}")
    return methods


def _path(text: str) -> Text | None:
    if path_condition(text).kind == "regex":
        return Text("regex", path_expression(text))
    return None if text in ("*", "/*") else _text(text)


def _text(text: str) -> Text:
    if text.endswith("*"):
        return Text("prefix", text[:-1])
    return Text("regex", f".*{quoted(text[1:])}") if text.startswith("*") else Text("exact", text)


def header_text(text: str) -> Text:
    """Returns the condition that a condition's value puts on a header."""
    return Text("regex", ".+") if text == "*" else _text(text)


def both(region: Region, other: Region) -> Region | None:
    """Returns the requests that are in both regions, None if there are none."""
    match = region.match.meet(other.match)
    if match is None:
        return None
    ports = region.ports if other.ports is None else other.ports
    if region.ports is not None and other.ports is not None:
        ports = region.ports & other.ports
    return Region(match, (*region.unless, *other.unless), ports, region.not_ports | other.not_ports)
