"""What a suggestion doesn't cover: each thing with its reason, alike ones together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.istio.virtual_service import VirtualService
from harness.api.schema.kinds import GATEWAY_API
from harness.base.listing import some
from harness.model.state.tables import grouped
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from harness.api.gateway_api.route import RouteRule
    from harness.api.istio.http_rule import HTTPRule
    from harness.api.istio.virtual_service import ConnectionRule
    from harness.base.resources import Resource
    from harness.suggest.answers import Decider
    from harness.suggest.estate import Estate
    from harness.suggest.question import Topic

_NAMED = 3
"""Of things with the same reason, how many are named."""

_OWN = re.compile(r"(?<= from )[^ ,;]+|(?<= to )[^ ,;]+|(?<=://)[^ ,;]+")


@dataclass
class Gaps:
    """Subjects by their reasons; reasons that differ by the names of workloads and hosts alone are alike."""

    _reasons: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, subject: str, why: str) -> None:
        """Adds what isn't covered, once."""
        self._reasons.setdefault(_OWN.sub("…", why), {}).setdefault(subject, why)

    def lines(self) -> Iterator[str]:
        """Yields a line for each, and of many with the same reason the first ones and their number."""
        for alike, subjects in self._reasons.items():
            if len(subjects) <= _NAMED:
                yield from (f"{subject}: {why}" for subject, why in subjects.items())
            else:
                yield f"{some(subjects, _NAMED)}: {alike}"


def limited(cut: Mapping[Topic, int], limit: int) -> Iterator[str]:
    """Yields a line for each topic of which more could be said than is written."""
    for topic, number in sorted(cut.items()):
        if number:
            yield f"{topic}: {number} more than the {limit} that are written (--limit)"


def untried(why: str, names: Iterable[str], of: int) -> str:
    """Returns the line for ports and hosts of which not all was tried, by number and by the first names."""
    listed = list(dict.fromkeys(names))
    return f"{why}: {len(listed)} of {of} ports and hosts, {some(listed, _NAMED)}"


_LISTED = 5
"""Objects of a kind that are named where not all could be tried."""

_NEVER_MET = "no request that was tried is decided by it"
_CUT = f"{_NEVER_MET}, and not all were tried that could be"


def uncovered(estate: Estate, met: Collection[Decider], *, cut: bool) -> Iterator[str]:
    """Yields the objects, and rules of objects, that decided on none of the requests that were tried.

    Where that is cut short it counts those beyond the first of each kind.
    """
    by_kind = grouped(_unmet(estate, met))
    for kind, names in by_kind.items():
        listed = names[:_LISTED] if cut else names
        yield from (f"{name}: {_CUT if cut else _NEVER_MET}" for name in listed)
        if len(names) > len(listed):
            yield f"{len(names) - len(listed)} more objects, {kind}: {_CUT}"


def _unmet(estate: Estate, met: Collection[Decider]) -> Iterator[tuple[str, str]]:
    """The kinds of objects that weren't met, or not with all of their rules, and the words for them."""
    fields: dict[tuple[str, ...], set[str]] = {}
    for decider in met:
        if decider.action is not Action.UNMATCHED or not _parts(decider.origin.resource)[0]:
            fields.setdefault(decider.origin.resource.key, set()).add(decider.origin.field)
    doors = {door for decider in met if decider.at_gateway for door in _doors(decider.origin.resource)}
    for resource in estate.configuration.values():
        if resource.kind == "Gateway" and f"{resource.namespace}/{resource.name}" in doors:
            continue
        seen = fields.get(resource.key, set())
        unseen = [part for part in _parts(resource) if not any(field.startswith(part) for field in seen)]
        if unseen:
            more = f" and {len(unseen) - 1} more parts" if len(unseen) > 1 else ""
            yield resource.kind, f"{resource}{' ' if unseen[0] else ''}{unseen[0]}{more}"


def _doors(resource: Resource) -> Iterator[str]:
    """The gateways that a route is bound to, as namespace/name."""
    if resource.kind == "VirtualService":
        yield from VirtualService.of(resource).bound
    elif resource.group == GATEWAY_API:
        yield from (f"{parent.namespace}/{parent.name}" for parent in Route.kept(resource).parents)


def _alternatives(rule: HTTPRule | ConnectionRule | RouteRule) -> list[str]:
    """The matches of a rule; the rule itself if it hasn't several."""
    paths = [match.path for match in rule.matches]
    return paths if len(paths) > 1 else [rule.path]


def _parts(resource: Resource) -> list[str]:
    """The rules of an object; an object without any is one part."""
    match resource.kind:
        case "VirtualService":
            read = VirtualService.of(resource)
            every: tuple[HTTPRule | ConnectionRule, ...] = (*read.http, *read.tls, *read.tcp)
            rules = [path for rule in every for path in _alternatives(rule)]
        case "HTTPRoute" | "GRPCRoute":
            rules = [path for rule in Route.of(resource).written_rules for path in _alternatives(rule)]
        case "AuthorizationPolicy" if resource.group == "security.istio.io":
            rules = [rule.path for rule in AuthorizationPolicy.of(resource).rules]
        case _:
            rules = []
    return rules or [""]
