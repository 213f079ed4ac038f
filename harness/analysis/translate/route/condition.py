"""The matches of a VirtualService's rules, and where they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.matches import ANY, EVERY, METHODS, Named, RequestMatch, Text, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.http_match import HTTPMatchRequest, NamedTexts


@dataclass(frozen=True)
class RuleCondition:
    """One match: for which requests, and on which port and gateways (absent: on all)."""

    match: RequestMatch = EVERY
    unless: tuple[RequestMatch, ...] = ()
    port: int | None = None
    gateways: tuple[str, ...] = ()


def conditions_of(draft: Draft, match: HTTPMatchRequest) -> Iterable[RuleCondition]:
    """Yields the conditions of one match: several for a method's expression, none if it can't be said."""
    asked = (
        ("sourceLabels", match.source_labels),
        ("sourceNamespace", match.source_namespace),
        ("authority", match.authority),
    )
    lost = [key for key, value in asked if value]
    match.leave("name", "authority")
    scheme = text_of(match.scheme_condition)
    if scheme is not None and not (scheme.sayable and scheme.holds("http")):
        lost.append("scheme")
    path = text_of(match.uri_condition)
    if path in (ANY, Text("prefix", "/")):
        path = None
    methods = _methods(draft, match)
    if methods == ():
        lost.append("method")
    headers, absent = _lower(match.header_conditions), _lower(match.header_exceptions)
    query = _named(match.query_conditions)
    named = {"headers": headers, "withoutHeaders": absent, "queryParams": query}
    lost += [key for key, texts in named.items() if not all(text.sayable for _, text in texts)]
    if path is not None and not path.sayable:
        lost.append("uri")
    if any(text.kind != "exact" and text != ANY and text.sayable and text.holds("") for _, text in absent):
        lost.append("withoutHeaders")  # Envoy takes an absent header for an empty one here
    port, gateways = match.port, match.bound
    stat_prefix = match.at("statPrefix")  # names metrics alone, and is reported as unread
    fields = [match.at(key) for key in dict.fromkeys(lost)]
    fields += [path for path in match.unread() if path != stat_prefix]
    for field in fields:
        draft.report(
            Severity.LOST,
            "match",
            match.resource,
            field,
            "no route can say this condition; the match is left out, so that its rule takes less, never more",
            "tell these requests apart by a header, path or method",
        )
    if fields:
        match.leave()
        return
    for method in methods or (None,):
        unless = tuple(RequestMatch(headers=(exception,)) for exception in absent)
        yield RuleCondition(RequestMatch(path, method, headers, query), unless, port, gateways)


def _named(wanted: NamedTexts) -> Named:
    return tuple(sorted((name, text_of(condition) or ANY) for name, condition in wanted))


def _lower(wanted: NamedTexts) -> Named:
    """Conditions on headers, whose names have no case: the last of several counts."""
    return _named(tuple({name.lower(): condition for name, condition in wanted}.items()))


def _methods(draft: Draft, match: HTTPMatchRequest) -> tuple[str, ...] | None:
    """The methods that a match names, None for all of them, () for those that no route can name."""
    text = text_of(match.method_condition)
    if text is None or text == ANY:
        return None
    known = tuple(method for method in METHODS if text.sayable and text.holds(method))
    if known and text.kind != "exact":
        draft.report(
            Severity.CHECK,
            "match",
            match.resource,
            match.at("method"),
            f"a route names single methods: {', '.join(known)}",
            "check that no other methods are in use",
        )
    return known
