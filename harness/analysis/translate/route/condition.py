"""The matches of a VirtualService's rules, and where they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.matches import ANY, EVERY, METHODS, Match, Named, Text, regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.reader import Reader
    from harness.base.resources import Resource

MESH = "mesh"
"""The gateway name that stands for all sidecars."""


@dataclass(frozen=True)
class Condition:
    """One match: for which requests, and on which port and gateways (absent: on all)."""

    match: Match = EVERY
    unless: tuple[Match, ...] = ()
    port: int | None = None
    gateways: tuple[str, ...] = ()


def gateway_name(name: str, namespace: str) -> str:
    """Returns a gateway's name as `namespace/name`, or `mesh`; dotted names are the old form."""
    if name == MESH or "/" in name:
        return name
    short, _, rest = name.partition(".")
    return f"{rest.partition('.')[0] or namespace}/{short}"


def conditions_of(draft: Draft, resource: Resource, part: Reader) -> Iterable[Condition]:
    """Yields the conditions of one match: several for a method's expression, none if it can't be said."""
    part.value("name")
    lost = [key for key in ("sourceLabels", "sourceNamespace", "authority") if part.value(key)]
    scheme = _text(part, "scheme")
    if scheme is not None and not scheme.holds("http"):
        lost.append("scheme")
    ignore_case = bool(part.value("ignoreUriCase", False))
    path = _text(part, "uri")
    if path is not None and ignore_case:
        path = Text("regex", f"(?i){path.pattern}")
    if path in (ANY, Text("prefix", "/")):
        path = None
    methods = _methods(draft, resource, part)
    if methods == ():
        lost.append("method")
    headers, absent = _named(part, "headers"), _named(part, "withoutHeaders")
    query = _named(part, "queryParams", lower=False)
    if any(text.kind != "exact" and text != ANY and text.holds("") for _, text in absent):
        lost.append("withoutHeaders")  # Envoy takes an absent header for an empty one here
    port, gateways = part.integer("port"), part.texts("gateways")
    stat_prefix = part.at("statPrefix")  # names metrics alone, and is reported as unread
    fields = [part.at(key) for key in lost] + [path for path in part.unread() if path != stat_prefix]
    for field in fields:
        draft.report(
            Severity.LOST,
            "match",
            resource,
            field,
            "no route can say this condition; the match is left out, so that its rule takes less, never more",
            "tell these requests apart by a header, path or method",
        )
    if fields:
        part.leave()
        return
    for method in methods or (None,):
        yield Condition(
            Match(path, method, headers, query),
            tuple(Match(headers=(one,)) for one in absent),
            port,
            tuple(gateway_name(name, resource.namespace) for name in gateways),
        )


def _text(part: Reader, key: str) -> Text | None:
    if key not in part:
        return None
    inner = part.part(key)
    if "exact" in inner:
        return Text("exact", inner.text("exact"))
    if "prefix" in inner:
        return Text("prefix", inner.text("prefix"))
    return regex(inner.text("regex")) if "regex" in inner else ANY


def _named(part: Reader, key: str, *, lower: bool = True) -> Named:
    names = part.mapping(key)
    inner = part.part(key)
    found = {name.lower() if lower else name: _text(inner, name) or ANY for name in names}
    return tuple(sorted(found.items()))


def _methods(draft: Draft, resource: Resource, part: Reader) -> tuple[str, ...] | None:
    """The methods that a match names, None for all of them, () for those that no route can name."""
    text = _text(part, "method")
    if text is None or text == ANY:
        return None
    found = tuple(method for method in METHODS if text.holds(method))
    if found and text.kind != "exact":
        draft.report(
            Severity.CHECK,
            "match",
            resource,
            part.at("method"),
            f"a route names single methods: {', '.join(found)}",
            "check that no other methods are in use",
        )
    return found
