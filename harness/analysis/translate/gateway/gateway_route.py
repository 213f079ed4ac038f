"""VirtualServices of gateways, as HTTPRoutes on Gateways of the Gateway API."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.gateway.gateway import parent_of
from harness.analysis.translate.route import order, routes
from harness.analysis.translate.route.matches import EVERY, RequestMatch
from harness.analysis.translate.route.order import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.gateway.gateway import TranslatedGateway
    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.base.resources import Resource

Fields = dict[str, Any]


def add(
    draft: Draft,
    resource: Resource,
    gateways: Sequence[str],
    hosts: Sequence[str],
    rules: Sequence[TranslatedRule],
    subsets: Subsets,
    served: Mapping[str, TranslatedGateway],
    name: str,
) -> None:
    """Adds the routes of one VirtualService at the gateways that it is bound to, by `namespace/name`."""
    parents = [parent_of(draft, resource, gateway, served) for gateway in gateways]
    head: Fields = {"parentRefs": parents}
    if hosts and "*" not in hosts:
        head["hostnames"] = list(hosts)
    found = order.ordered(_choices(draft, rules, gateways), order.gateway_api)
    for index, why in found.conflicts:
        draft.report(
            Severity.CHANGED,
            "order",
            rules[index].origin,
            rules[index].field,
            f"the first match can't be said under the Gateway API's precedence: {why}",
            "tell these requests apart by another condition",
            rule=rules[index].name,
        )
    for rule in rules:
        _report(draft, rule)
    backends = routes.Backends(subsets, None, resource.namespace)
    written = tuple(_written(draft, rules, found.choices, backends))
    if written:
        origins = dict.fromkeys((resource, *(rule.origin for rule in rules)))
        routes.add(draft, name, resource.namespace, head, written, origins)


def _choices(draft: Draft, rules: Sequence[TranslatedRule], gateways: Sequence[str]) -> tuple[Choice, ...]:
    """The choices at these gateways; gateways move those that take every request to the end."""
    found = []
    for index, rule in enumerate(rules):
        for one in rule.conditions:
            if one.gateways and not set(one.gateways) & set(gateways):
                continue
            if one.port is not None or (one.gateways and set(one.gateways) != set(gateways)):
                draft.report(
                    Severity.CHANGED,
                    "gateway-match",
                    rule.origin,
                    rule.field,
                    "a route counts on all ports of all its Gateways, not on one",
                    "bind this rule to its gateway in a VirtualService of its own",
                    rule=rule.name,
                )
            found.append(Choice(one.match, index, one.unless))
    return tuple(sorted(found, key=lambda choice: choice.match == EVERY))


def _report(draft: Draft, rule: TranslatedRule) -> None:
    for one in rule.conditions:
        path = one.match.path
        if path and path.kind == "prefix":
            stem = path.value.rstrip("/")
            why = f"{stem} is matched by whole segments: not {stem}x, and {stem} with or without a slash"
            topic, todo = "string-prefix", "check such paths"
            draft.report(Severity.CHANGED, topic, rule.origin, rule.field, why, todo, rule=rule.name)
    if rule.annotations:
        draft.report(
            Severity.LOST,
            "retries",
            rule.origin,
            rule.field,
            "annotations for retries are Linkerd's: the gateway doesn't read them",
            "retry in the mesh, by a route on the Service",
            rule=rule.name,
        )


def _written(
    draft: Draft,
    rules: Sequence[TranslatedRule],
    choices: Iterable[Choice],
    backends: routes.Backends,
) -> Iterable[routes.Written]:
    for index, run in groupby(choices, key=lambda choice: choice.rule):
        rule = rules[index]
        matches = [choice.match for choice in run]
        # A rewrite goes by the match, so each match needs a rule of its own.
        for part in [[match] for match in matches] if rule.rewrite else [matches]:
            fields: Fields = {"matches": [match_fields(one) for one in part if one != EVERY]}
            filters = [dict(one) for one in rule.filters]
            if rule.rewrite and (rewrite := _rewrite(draft, rule, part[0])):
                filters.append(rewrite)
            fields["filters"] = filters
            if not rule.redirects:
                fields["backendRefs"] = [
                    backends.backend(draft, rule.origin, target) for target in rule.targets
                ]
            fields["timeouts"] = {"request": rule.timeout} if rule.timeout else {}
            yield routes.Written({key: value for key, value in fields.items() if value}, ())


def match_fields(match: RequestMatch) -> Fields:
    """Returns a match as a gateway's HTTPRoute says it: prefixes by whole segments."""
    found = routes.http_match(match, level=False)
    if match.path and match.path.kind == "prefix":
        found["path"] = {"type": "PathPrefix", "value": match.path.value.rstrip("/") or "/"}
    return found


def _rewrite(draft: Draft, rule: TranslatedRule, match: RequestMatch) -> Fields | None:
    assert rule.rewrite is not None
    fields: Fields = {}
    if host := rule.rewrite.authority:
        fields["hostname"] = host
    if path := rule.rewrite.uri:
        if match.path and match.path.kind != "prefix":
            fields["path"] = {"type": "ReplaceFullPath", "replaceFullPath": path}
        else:
            fields["path"] = {"type": "ReplacePrefixMatch", "replacePrefixMatch": path}
        if match.path is None and path != "/":
            draft.report(
                Severity.CHANGED,
                "rewrite",
                rule.origin,
                f"{rule.rewrite.path}.uri",
                "the leading / is replaced by whole segments: a / is kept between",
                "check the paths",
            )
    return {"type": "URLRewrite", "urlRewrite": fields} if fields else None
