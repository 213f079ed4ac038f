"""Rules and matches of VirtualServices that are never used, since those before them take their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.hosts import MESH, within
from harness.api.istio.virtual_service import VirtualService
from harness.model.istio.routing import virtual_service
from harness.model.istio.routing.rule import RoutingMatch
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from harness.base.matching import TextMatch
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.istio.routing.rule import RoutingRule

Shadows = dict[str, "RoutingMatch"]
"""The match that takes all requests of another one, by that one's path."""


@rule
def virtual_service_rule_shadowed(state: State) -> Iterator[Sign]:
    for resource, rules, shadows in _shadowed(state):
        for part in rules:
            matches = _matches(part)
            if all(match.where in shadows for match in matches):
                taken = shadows[matches[0].where]
                what = "every request" if taken.takes_all and not _source(taken) else "its requests"
                yield seen(resource, part.field, taken=taken.where, what=what)


@rule
def virtual_service_match_shadowed(state: State) -> Iterator[Sign]:
    for resource, rules, shadows in _shadowed(state):
        for part in rules:
            useless = [match.where for match in _matches(part) if match.where in shadows]
            if len(useless) < len(_matches(part)):
                for where in useless:
                    yield seen(resource, where, taken=shadows[where].where)


@per_state
def _shadowed(state: State) -> list[tuple[Resource, tuple[RoutingRule, ...], Shadows]]:
    """The rules of all VirtualServices, of requests and of connections, and which matches are shadowed."""
    every = []
    for resource in state.all(*VirtualService.KIND):
        gateways = virtual_service.gateways(resource)
        by_match: dict[str, list[Shadows]] = {}
        parts: dict[str, RoutingRule] = {}
        for gateway in gateways:
            shadows = _shadows(virtual_service.rules(resource, gateway), in_order=gateway == MESH)
            for part in virtual_service.rules(resource, gateway):
                longest = parts.setdefault(part.field, part)
                if len(part.matches) > len(longest.matches):
                    parts[part.field] = part
                for match in _matches(part):
                    by_match.setdefault(match.where, []).append(shadows)
        http = {
            where: tables[0][where]
            for where, tables in by_match.items()
            if all(where in shadows for shadows in tables)
        }
        if parts:
            every.append((resource, tuple(parts.values()), http))
        connections = (virtual_service.tls_rules(resource), virtual_service.tcp_rules(resource))
        every += [(resource, part, _shadows(part, in_order=True)) for part in connections if part]
    return every


def _shadows(rules: Sequence[RoutingRule], *, in_order: bool) -> Shadows:
    """Which matches never get a request; gateways move what takes every request to the end (not `in_order`).

    [istio/istio: route.SortVHostRoutes]
    """
    shadows: Shadows = {}
    earlier: dict[Hashable, list[tuple[RoutingRule, RoutingMatch]]] = {}
    for part in rules:
        for match in _matches(part):
            for own, wide in (entry for key in _keys(match) for entry in earlier.get(key, ())):
                everything = wide.takes_all and not match.takes_all
                if not (everything and (own is part or not in_order)) and _covers(wide, match):
                    shadows[match.where] = wide
                    break
            else:
                earlier.setdefault(_key(match), []).append((part, match))
    return shadows


def _matches(part: RoutingRule) -> tuple[RoutingMatch, ...]:
    return part.matches or (RoutingMatch(part.field),)


def _key(wide: RoutingMatch) -> Hashable:
    """One condition of a match, by which it is looked up: what it may cover asks for that, too."""
    if wide.takes_all:
        return wide.port
    if wide.uri is not None and not wide.uri.ignore_case:
        return wide.uri.kind, wide.uri.value
    for name, wanted in wide.headers:
        if wanted.kind in ("exact", "regex"):
            return name, wanted.value
    return wide.port


def _keys(narrow: RoutingMatch) -> Iterator[Hashable]:
    """The keys of all matches that may cover this one."""
    yield None
    if narrow.port is not None:
        yield narrow.port
    if narrow.uri is not None:
        yield from ((kind, narrow.uri.value) for kind in ("exact", "regex"))
        yield from (("prefix", narrow.uri.value[:length]) for length in range(len(narrow.uri.value) + 1))
    yield from ((name, wanted.value) for name, wanted in narrow.headers)


def _source(match: RoutingMatch) -> bool:
    return bool(match.port or match.source_labels or match.source_namespace or match.sni or match.subnets)


def _covers(wide: RoutingMatch, narrow: RoutingMatch) -> bool:
    """Whether every request that fulfils `narrow` fulfils `wide`, as far as that can be said."""
    texts = (
        (wide.uri if not wide.takes_all else None, narrow.uri),
        (wide.scheme, narrow.scheme),
        (wide.method, narrow.method),
        (wide.authority, narrow.authority),
    )
    named = ((wide.headers, dict(narrow.headers)), (wide.query, dict(narrow.query)))
    return (
        wide.port in (None, narrow.port)
        and wide.source_labels.items() <= narrow.source_labels.items()
        and wide.source_namespace in ("", narrow.source_namespace)
        and (not wide.gateways or (bool(narrow.gateways) and set(narrow.gateways) <= set(wide.gateways)))
        and (not wide.sni or (bool(narrow.sni) and all(_any_within(name, wide.sni) for name in narrow.sni)))
        and (not wide.subnets or (bool(narrow.subnets) and set(narrow.subnets) <= set(wide.subnets)))
        and all(_includes(outer, inner) for outer, inner in texts)
        and all(_includes(outer, inner.get(name)) for outers, inner in named for name, outer in outers)
        and set(wide.without_headers) <= set(narrow.without_headers)
    )


def _any_within(name: str, patterns: Sequence[str]) -> bool:
    return any(within(name, pattern) for pattern in patterns)


def _includes(wide: TextMatch | None, narrow: TextMatch | None) -> bool:
    """Whether every text that fulfils one condition fulfils the other; None asks nothing."""
    if wide is None or wide == narrow:
        return True
    if narrow is None:
        return False
    if wide.kind == "present":
        return True
    if narrow.ignore_case and not wide.ignore_case:
        return False
    if wide.kind == "prefix" and narrow.kind in ("exact", "prefix"):
        return wide.holds(narrow.value)
    return wide.kind == narrow.kind == "exact" and wide.holds(narrow.value)
