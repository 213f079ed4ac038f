"""The matches of a VirtualService's rules, and where they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.route.matches import ANY, EVERY, METHODS, Named, RequestMatch, Text, text_of
from harness.api.istio.security.claims import routed_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.http_rule import HTTPMatchRequest, NamedTexts


@dataclass(frozen=True)
class RuleCondition:
    """One match: for which requests, and on which port and gateways (absent: on all)."""

    match: RequestMatch = EVERY
    unless: tuple[RequestMatch, ...] = ()
    port: int | None = None
    gateways: tuple[str, ...] = ()


def conditions_of(draft: Draft, match: HTTPMatchRequest) -> Iterable[RuleCondition]:
    """Yields the conditions of one match: several for a method's expression, none if it can't be said."""
    scheme, path = text_of(match.scheme.condition()), text_of(match.uri_condition)
    path = None if path in (ANY, Text("prefix", "/")) else path
    methods = _methods(draft, match)
    headers, absent = _lower(match.header_conditions), _lower(match.header_exceptions)
    query = _named(match.query_conditions)
    conditions = {
        "sourceLabels": match.source_labels,
        "sourceNamespace": match.source_namespace,
        "authority": match.authority,
        "scheme": scheme and not (scheme.sayable and scheme.holds("http")),
        "method": methods == (),
        "headers": not all(map(_sayable, headers)),
        "withoutHeaders": not all(map(_sayable, absent)),
        "queryParams": not all(text.sayable for _, text in query),
        "uri": path and not path.sayable,
    }
    lost = [key for key, value in conditions.items() if value]
    if any(text.kind != "exact" and text != ANY and text.sayable and text.holds("") for _, text in absent):
        lost.append("withoutHeaders")  # Envoy takes an absent header for an empty one here
    match.leave("name", "authority")
    port, gateways = match.port, match.bound
    stat_prefix = match.at("statPrefix")  # names metrics alone, and is reported as unread
    fields = [match.at(key) for key in dict.fromkeys(lost)]
    fields += [path for path in match.unread() if path != stat_prefix]
    for field in fields:
        draft.report("match", match.resource, field)
    if fields:
        match.leave()
        return
    for method in methods or (None,):
        unless = tuple(RequestMatch(headers=(exception,)) for exception in absent)
        yield RuleCondition(RequestMatch(path, method, headers, query), unless, port, gateways)


def _sayable(named: tuple[str, Text]) -> bool:
    """Whether a route can say a condition on a header; the guise of a token's claim is none."""
    name, text = named
    return routed_by(name) is None and text.sayable


def _named(wanted: NamedTexts) -> Named:
    return tuple(sorted((name, text_of(condition) or ANY) for name, condition in wanted))


def _lower(wanted: NamedTexts) -> Named:
    """Conditions on headers, whose names have no case: the last of several counts."""
    return _named(tuple({name.lower(): condition for name, condition in wanted}.items()))


def _methods(draft: Draft, match: HTTPMatchRequest) -> tuple[str, ...] | None:
    """The methods that a match names, None for all of them, () for those that no route can name."""
    text = text_of(match.method.condition())
    if text is None or text == ANY:
        return None
    named = tuple(method for method in METHODS if text.sayable and text.holds(method))
    if named and text.kind != "exact":
        draft.report("match.methods", match, "method", methods=", ".join(named))
    return named
