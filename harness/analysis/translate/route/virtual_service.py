"""VirtualService: its HTTP rules, read into what a route can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.condition import RuleCondition, conditions_of
from harness.analysis.translate.route.durations import written
from harness.analysis.translate.route.retries import retry_annotations
from harness.api.istio.destination import weighted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.destination import RouteDestination
    from harness.api.istio.http_rule import HTTPRewrite, HTTPRule
    from harness.base.resources import Resource

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses that a route can redirect with [Gateway API: HTTPRequestRedirectFilter]."""


@dataclass(frozen=True)
class RouteTarget:
    """A destination: the host as written, with its share of the rule's requests (None: the only one)."""

    field: str
    host: str
    subset: str = ""
    port: int | None = None
    weight: int | None = None
    filters: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class TranslatedRule:
    """One rule, in what routes can say of it; `origin` is the VirtualService that it stands in."""

    origin: Resource
    field: str
    conditions: tuple[RuleCondition, ...]
    targets: tuple[RouteTarget, ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    timeout: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    rewrite: HTTPRewrite | None = None
    name: str = ""

    @property
    def subject(self) -> str:
        """Its field, with its name."""
        return f"{self.field} ({self.name})" if self.name else self.field

    @property
    def redirects(self) -> bool:
        """Whether it answers by a redirect, and so has no backends."""
        return any(one["type"] == "RequestRedirect" for one in self.filters)


def rules(draft: Draft, parts: Iterable[HTTPRule]) -> tuple[TranslatedRule, ...]:
    """Returns the HTTP rules of a VirtualService that a route can say; reports those that it can't."""
    found = (_rule(draft, part) for part in parts)
    return tuple(rule for rule in found if rule is not None)


def _rule(draft: Draft, part: HTTPRule) -> TranslatedRule | None:
    conditions = tuple(one for match in part.matches for one in conditions_of(draft, match))
    filters = (*header_filters(draft, part), *_redirect(draft, part))
    targets = _targets(draft, part.route)
    wait, retries = written(part.timeout or 0), retry_annotations(draft, part)
    if part.has("directResponse"):
        part.leave("directResponse")
        draft.report(
            Severity.LOST,
            "direct-response",
            part.resource,
            part.at("directResponse"),
            "no route answers by itself; these requests go to the rules after this one",
            "let an application answer, or close the path by a policy on its Server",
        )
        return None
    if part.has("delegate"):
        part.leave("delegate")
        draft.report(
            Severity.LOST,
            "delegate",
            part.resource,
            part.at("delegate"),
            "a delegate's rule can't be left to another one",
            "write the rules into this VirtualService",
        )
        return None
    if part.matches and not conditions:
        return None
    # Who can rewrite, a gateway, reads it on.
    rewrite = part.rewrite if part.has("rewrite") else None
    return TranslatedRule(
        part.resource,
        part.path,
        conditions or (RuleCondition(),),
        targets,
        filters,
        wait,
        retries,
        rewrite,
        part.name,
    )


def _targets(draft: Draft, route: tuple[RouteDestination, ...]) -> tuple[RouteTarget, ...]:
    found = []
    for part, weight in weighted(route):
        to = part.required("destination").destination.required("host")
        target = RouteTarget(
            part.path, to.host, to.subset, to.port_number, weight, header_filters(draft, part)
        )
        found.append(target)
    return tuple(found)


def header_filters(draft: Draft, part: HTTPRule | RouteDestination) -> tuple[dict[str, Any], ...]:
    """Returns the filters that change headers as this part says."""
    if not part.has("headers"):
        return ()
    found = []
    for side, kind in (
        (part.headers.request, "RequestHeaderModifier"),
        (part.headers.response, "ResponseHeaderModifier"),
    ):
        modifier: dict[str, Any] = {}
        changed: list[str] = []
        for action, entries in (("set", side.set), ("add", side.add)):
            for name in entries:
                if name.lower() in ("host", ":authority"):
                    draft.report(
                        Severity.LOST,
                        "rewrite",
                        part.resource,
                        f"{side.at(action)}.{name}",
                        "a route can't change the host of a request",
                        "let the application take the original host",
                    )
            kept = {n: v for n, v in entries.items() if n.lower() not in ("host", ":authority")}
            changed += [name.lower() for name in kept]
            if kept:
                modifier[action] = [{"name": name, "value": value} for name, value in kept.items()]
        if side.remove:
            modifier["remove"] = list(side.remove)
            changed += [name.lower() for name in side.remove]
        if len(changed) != len(set(changed)):
            draft.report(
                Severity.CHANGED,
                "headers",
                part.resource,
                side.path,
                "Envoy removes, sets, then adds; Linkerd adds, sets, then removes",
                "say one change for each header",
            )
        if modifier:
            found.append({"type": kind, kind[0].lower() + kind[1:]: modifier})
    return tuple(found)


def _redirect(draft: Draft, part: HTTPRule) -> tuple[dict[str, Any], ...]:
    if not part.has("redirect"):
        return ()
    inner, resource = part.redirect, part.resource
    fields: dict[str, Any] = {}
    if scheme := inner.scheme:
        fields["scheme"] = scheme
    host, _, port = inner.authority.partition(":")
    if host:
        fields["hostname"] = host
    number = inner.port or (int(port) if port.isdecimal() else None)
    if number:
        fields["port"] = number
    if path := inner.uri:
        fields["path"] = {"type": "ReplaceFullPath", "replaceFullPath": path}
        draft.report(
            Severity.CHANGED,
            "redirect",
            resource,
            inner.at("uri"),
            "Linkerd leaves the query out of a redirect to another path",
            "check that nobody needs the query",
        )
    status = inner.status
    if status not in REDIRECTS:
        draft.report(
            Severity.CHANGED,
            "redirect",
            resource,
            inner.at("redirectCode"),
            f"a route can't redirect with {status}: it does so with 302",
            f"use one of {', '.join(map(str, REDIRECTS))}",
        )
        status = 302
    return ({"type": "RequestRedirect", "requestRedirect": {**fields, "statusCode": status}},)
