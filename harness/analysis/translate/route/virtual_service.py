"""VirtualService: its HTTP rules, read into what a route can say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route import delegate
from harness.analysis.translate.route.condition import Condition, conditions_of
from harness.analysis.translate.route.durations import duration
from harness.analysis.translate.route.retries import retry_annotations

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.reader import Reader
    from harness.base.resources import Resource

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses that a route can redirect with [Gateway API: HTTPRequestRedirectFilter]."""


@dataclass(frozen=True)
class Target:
    """A destination: the host as written, with its share of the rule's requests (None: the only one)."""

    field: str
    host: str
    subset: str = ""
    port: int | None = None
    weight: int | None = None
    filters: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Rule:
    """One rule, in what routes can say of it; `origin` is the VirtualService that it stands in."""

    origin: Resource
    field: str
    conditions: tuple[Condition, ...]
    targets: tuple[Target, ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    timeout: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    rewrite: Reader | None = None

    @property
    def redirects(self) -> bool:
        """Whether it answers by a redirect, and so has no backends."""
        return any(one["type"] == "RequestRedirect" for one in self.filters)


def rules(draft: Draft, resource: Resource, reader: Reader) -> tuple[Rule, ...]:
    """Returns the HTTP rules of a VirtualService that a route can say; reports those that it can't."""
    found = (_rule(draft, part.resource, part) for part in delegate.expanded(draft, resource, reader))
    return tuple(rule for rule in found if rule is not None)


def _rule(draft: Draft, resource: Resource, part: Reader) -> Rule | None:
    name = part.text("name")
    field = f"{part.path} ({name})" if name else part.path
    matches = part.parts("match")
    conditions = tuple(one for match in matches for one in conditions_of(draft, resource, match))
    filters = (*header_filters(draft, resource, part), *_redirect(draft, resource, part))
    targets = _targets(draft, resource, part.parts("route"))
    wait, retries = duration(part, "timeout"), retry_annotations(draft, resource, part)
    if "directResponse" in part:
        part.value("directResponse")
        draft.report(
            Severity.LOST,
            "direct-response",
            resource,
            part.at("directResponse"),
            "no route answers by itself; these requests go to the rules after this one",
            "let an application answer, or close the path by a policy on its Server",
        )
        return None
    if "delegate" in part:
        part.value("delegate")
        draft.report(
            Severity.LOST,
            "delegate",
            resource,
            part.at("delegate"),
            "a delegate's rule can't be left to another one",
            "write the rules into this VirtualService",
        )
        return None
    if matches and not conditions:
        return None
    # Who can rewrite, a gateway, reads it on.
    rewrite = part.part("rewrite") if "rewrite" in part else None
    return Rule(resource, field, conditions or (Condition(),), targets, filters, wait, retries, rewrite)


def _targets(draft: Draft, resource: Resource, parts: tuple[Reader, ...]) -> tuple[Target, ...]:
    found = []
    for part in parts:
        destination = part.required("destination").part("destination")
        weight = part.integer("weight")
        found.append(
            Target(
                part.path,
                destination.required("host").text("host"),
                destination.text("subset"),
                destination.part("port").integer("number"),
                # A lone destination's weight isn't read; beside others an unset one is 0.
                None if len(parts) == 1 else weight or 0,
                header_filters(draft, resource, part),
            )
        )
    return tuple(found)


def header_filters(draft: Draft, resource: Resource, part: Reader) -> tuple[dict[str, Any], ...]:
    """Returns the filters that change headers as this part says."""
    headers = part.part("headers")
    found = []
    for key, kind in (("request", "RequestHeaderModifier"), ("response", "ResponseHeaderModifier")):
        side = headers.part(key)
        modifier: dict[str, Any] = {}
        changed: list[str] = []
        for action in ("set", "add"):
            entries = side.mapping(action)
            for name in entries:
                if name.lower() in ("host", ":authority"):
                    draft.report(
                        Severity.LOST,
                        "rewrite",
                        resource,
                        f"{side.at(action)}.{name}",
                        "a route can't change the host of a request",
                        "let the application take the original host",
                    )
            kept = {n: v for n, v in entries.items() if n.lower() not in ("host", ":authority")}
            changed += [name.lower() for name in kept]
            if kept:
                modifier[action] = [{"name": name, "value": value} for name, value in kept.items()]
        if removed := side.texts("remove"):
            modifier["remove"] = list(removed)
            changed += [name.lower() for name in removed]
        if len(changed) != len(set(changed)):
            draft.report(
                Severity.CHANGED,
                "headers",
                resource,
                side.path,
                "Envoy removes, sets, then adds; Linkerd adds, sets, then removes",
                "say one change for each header",
            )
        if modifier:
            found.append({"type": kind, kind[0].lower() + kind[1:]: modifier})
    return tuple(found)


def _redirect(draft: Draft, resource: Resource, part: Reader) -> tuple[dict[str, Any], ...]:
    if "redirect" not in part:
        return ()
    inner = part.part("redirect")
    fields: dict[str, Any] = {}
    if scheme := inner.text("scheme"):
        fields["scheme"] = scheme
    host, _, port = inner.text("authority").partition(":")
    if host:
        fields["hostname"] = host
    number = inner.integer("port") or (int(port) if port.isdecimal() else None)
    if number:
        fields["port"] = number
    if path := inner.text("uri"):
        fields["path"] = {"type": "ReplaceFullPath", "replaceFullPath": path}
        draft.report(
            Severity.CHANGED,
            "redirect",
            resource,
            inner.at("uri"),
            "Linkerd leaves the query out of a redirect to another path",
            "check that nobody needs the query",
        )
    status = inner.integer("redirectCode") or 301
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
