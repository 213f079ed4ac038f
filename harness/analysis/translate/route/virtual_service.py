"""VirtualService: its HTTP rules, read into what a route can say.

A field that isn't read here is reported: istio.yaml says as what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.route.condition import RuleCondition, conditions_of
from harness.api.istio.destination import weighted
from harness.base.durations import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft, Fields
    from harness.api.istio.destination import Destination, RouteDestination
    from harness.api.istio.http_rule import HTTPRule
    from harness.api.istio.virtual_service import ConnectionRule
    from harness.base.resources import Resource

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses that a route can redirect with [Gateway API: HTTPRequestRedirectFilter]."""
_GRPC = frozenset("cancelled deadline-exceeded internal resource-exhausted unavailable".split())
_MAX_RETRIES = 20


@dataclass(frozen=True)
class RouteTarget:
    """A destination, `host` as written, with its share of the rule's requests (None: the only one)."""

    to: Destination
    host: str
    subset: str
    port: int | None
    weight: int | None
    filters: tuple[Fields, ...] = ()

    @classmethod
    def of(cls, part: RouteDestination, weight: int | None, filters: tuple[Fields, ...] = ()) -> RouteTarget:
        """Returns what a rule's destination says, which counts as read by that."""
        to = part.required("destination").destination.required("host")
        return cls(to, to.host, to.subset, to.port.number, weight, filters)


@dataclass(frozen=True)
class TranslatedRule:
    """One rule, in what routes can say of it; who can rewrite, a gateway, reads that of the rule itself."""

    rule: HTTPRule
    name: str
    conditions: tuple[RuleCondition, ...]
    targets: tuple[RouteTarget, ...]
    filters: tuple[Fields, ...]
    timeout: str
    annotations: tuple[tuple[str, str], ...]

    @property
    def origin(self) -> Resource:
        """The VirtualService that it stands in."""
        return self.rule.resource

    @property
    def subject(self) -> str:
        """Its field, with its name."""
        return f"{self.rule.path} ({self.name})" if self.name else self.rule.path

    @property
    def redirects(self) -> bool:
        """Whether it answers by a redirect, and so has no backends."""
        return any(part["type"] == "RequestRedirect" for part in self.filters)


def rules(draft: Draft, parts: Iterable[HTTPRule], *, in_mesh: bool) -> tuple[TranslatedRule, ...]:
    """Returns the HTTP rules of a VirtualService that a route can say; reports those that it can't.

    What Linkerd alone does otherwise is told of rules that are for the mesh, too.
    """
    return tuple(rule for part in parts if (rule := _rule(draft, part, in_mesh=in_mesh)))


def _rule(draft: Draft, part: HTTPRule, *, in_mesh: bool) -> TranslatedRule | None:
    conditions = tuple(condition for match in part.matches for condition in conditions_of(draft, match))
    filters = (*_header_filters(draft, part), *_redirect(draft, part, in_mesh=in_mesh))
    targets = tuple(
        RouteTarget.of(to, weight, _header_filters(draft, to)) for to, weight in weighted(part.route)
    )
    report_weights(draft, part, targets)
    wait, retries = written(part.timeout or 0), _retry_annotations(draft, part) if in_mesh else ()
    for code, field in (("direct-response", "directResponse"), ("delegate", "delegate")):
        if part.has(field):
            part.leave(field)
            draft.report(code, part, field)
            return None
    if part.matches and not conditions:
        return None
    return TranslatedRule(part, part.name, conditions or (RuleCondition(),), targets, filters, wait, retries)


def report_weights(draft: Draft, rule: HTTPRule | ConnectionRule, targets: Iterable[RouteTarget]) -> None:
    """Reports weights that aren't shares of 100: who wrote them may have meant others."""
    weights = [target.weight for target in targets if target.weight is not None]
    total = sum(weights)
    if total == 100 or sum(map(bool, weights)) < 2:  # a lone share is the whole
        return
    shares = ", ".join(f"{100 * weight / total:.3g} %" for weight in weights)
    draft.report("weights", rule, "route", weights=" + ".join(map(str, weights)), sum=total, shares=shares)


def _header_filters(draft: Draft, part: HTTPRule | RouteDestination) -> tuple[Fields, ...]:
    """The filters that change headers as this part says."""
    if not part.has("headers"):
        return ()
    filters = []
    for side, kind in ((part.headers.request, "Request"), (part.headers.response, "Response")):
        modifier: Fields = {}
        changed: list[str] = []
        for action, entries in (("set", side.set), ("add", side.add)):
            for name in filter(_is_host, entries):
                draft.report("rewrite.host", part.resource, f"{side.at(action)}.{name}")
            kept = {name: value for name, value in entries.items() if not _is_host(name)}
            changed += map(str.lower, kept)
            if kept:
                modifier[action] = [{"name": name, "value": value} for name, value in kept.items()]
        if side.remove:
            modifier["remove"] = list(side.remove)
            changed += map(str.lower, side.remove)
        if len(changed) != len(set(changed)):
            draft.report("headers.order", side)
        if modifier:
            key = f"{kind.lower()}HeaderModifier"
            filters.append({"type": f"{kind}HeaderModifier", key: modifier})
    return tuple(filters)


def _is_host(header: str) -> bool:
    return header.lower() in ("host", ":authority")


def _redirect(draft: Draft, part: HTTPRule, *, in_mesh: bool) -> tuple[Fields, ...]:
    if not part.has("redirect"):
        return ()
    redirect = part.redirect
    host, _, port = redirect.authority.partition(":")
    number = redirect.port or (int(port) if port.isdecimal() else None)
    fields: Fields = {"scheme": redirect.scheme, "hostname": host, "port": number}
    if path := redirect.uri:
        fields["path"] = {"type": "ReplaceFullPath", "replaceFullPath": path}
        if in_mesh:
            draft.report("redirect.query", redirect, "uri")
    status = redirect.status
    if status not in REDIRECTS:
        statuses = ", ".join(map(str, REDIRECTS))
        draft.report("redirect.status", redirect, "redirectCode", status=status, statuses=statuses)
        status = 302
    kept = {key: value for key, value in fields.items() if value}
    return ({"type": "RequestRedirect", "requestRedirect": {**kept, "statusCode": status}},)


def _retry_annotations(draft: Draft, rule: HTTPRule) -> tuple[tuple[str, str], ...]:
    """The annotations of a route that retries as a rule does; reports what changes."""
    retries, conditions = rule.retries, rule.retries.conditions
    attempts, wait = retries.attempts or 0, written(retries.per_try_timeout or 0)
    if attempts == 0:
        if wait:
            draft.report("retries.try", retries, "perTryTimeout")
        return ()
    statuses = [word for word in conditions if re.fullmatch("5xx|gateway-error|[1-5]..", word)]
    statuses += ["409"] if "retriable-4xx" in conditions else []
    grpc = [word for word in conditions if word in _GRPC]
    rest = [word for word in conditions if word not in (*statuses, *grpc, "retriable-4xx")]
    left = "conditions" if statuses or grpc else "dropped"
    if rest or not conditions:
        words = ", ".join(rest) or "without conditions: failed connections"
        draft.report(f"retries.{left}", retries, "retryOn" if conditions else "attempts", conditions=words)
    if not statuses and not grpc:
        if wait:
            draft.report("retries.try", retries, "perTryTimeout")
        return ()
    if attempts > _MAX_RETRIES:
        draft.report("retries.many", retries, "attempts", attempts=attempts)
    annotations = {"limit": str(attempts)}
    if statuses:
        annotations["http"] = ",".join(dict.fromkeys(statuses))
    if grpc:
        annotations["grpc"] = ",".join(grpc)
        if not statuses:
            draft.report("retries.grpc", retries, "retryOn")
    if wait:
        annotations["timeout"] = wait
        draft.report("retries.timeout", retries, "perTryTimeout")
    return tuple(sorted((f"retry.linkerd.io/{name}", value) for name, value in annotations.items()))
