"""VirtualServices of gateways, as HTTPRoutes on Gateways of the Gateway API."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.analysis.translate.gateway.gateway import parents_of
from harness.analysis.translate.route import order, routes
from harness.analysis.translate.route.matches import EVERY
from harness.analysis.translate.route.order import Choice
from harness.analysis.translate.route.virtual_service import RouteTarget
from harness.api.gateway_api import GROUP
from harness.api.gateway_api.route import KINDS, Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.translate.draft import Draft, Fields
    from harness.analysis.translate.route.matches import RequestMatch
    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.api.gateway_api.reference import TargetRef
    from harness.api.gateway_api.route import RouteRule
    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource

MIRRORS = ("mirror", "mirrors", "mirrorPercentage", "mirrorPercent")
"""The fields of a rule that say where copies of requests go, and of how many."""
GRANTS = f"{GROUP}/v1beta1"


def add(
    draft: Draft,
    resource: Resource,
    gateways: Sequence[str],
    hosts: Sequence[str],
    rules: Sequence[TranslatedRule],
    name: str,
) -> None:
    """Adds the routes of one VirtualService at the gateways that it is bound to, by `namespace/name`."""
    parents = [parent for gateway in gateways for parent in parents_of(draft, resource, gateway)]
    head: Fields = {"parentRefs": parents}
    if hosts and "*" not in hosts:
        head["hostnames"] = list(hosts)
    ordered = order.ordered(_choices(draft, rules, gateways), order.gateway_api)
    routes.report_conflicts(draft, rules, ordered.conflicts, "the Gateway API's")
    for rule in rules:
        for condition in rule.conditions:
            path = condition.match.path
            if path and path.kind == "prefix":
                draft.report("string-prefix", rule.rule, rule=rule.name, stem=path.value.rstrip("/"))
        if rule.rule.has("retries"):
            draft.report("retries.gateway", rule.rule, "retries", rule=rule.name)
            rule.rule.leave("retries")
    backends = routes.Backends(draft, None, resource.namespace)
    written = tuple(_written(rules, ordered.choices, backends))
    if written and parents:
        origins = dict.fromkeys((resource, *(rule.origin for rule in rules)))
        routes.add(draft, name, resource.namespace, head, written, origins)


def _choices(draft: Draft, rules: Sequence[TranslatedRule], gateways: Sequence[str]) -> list[Choice]:
    """The choices at these gateways; gateways move those that take every request to the end."""
    choices = []
    for index, rule in enumerate(rules):
        for condition in rule.conditions:
            bound = set(condition.gateways) or set(gateways)
            if bound.isdisjoint(gateways):
                continue
            if condition.port is not None or bound != set(gateways):
                draft.report("gateway-match", rule.rule, rule=rule.name)
            choices.append(Choice(condition.match, index, condition.unless))
    return sorted(choices, key=lambda choice: choice.match == EVERY)


def _written(
    rules: Sequence[TranslatedRule], choices: Iterable[Choice], backends: routes.Backends
) -> Iterator[routes.Written]:
    for rule, matches in routes.runs(rules, choices):
        # A rewrite goes by the match, so each match needs a rule of its own.
        for part in [[match] for match in matches] if rule.rule.rewrite else [matches]:
            filters = (*_rewrite(backends.draft, rule.rule, part[0]), *_mirrors(backends, rule.rule))
            fields = backends.fields(rule, *filters)
            written = [match_fields(match) for match in part if match != EVERY]
            yield routes.Written({"matches": written, **fields} if written else fields, ())


def _mirrors(backends: routes.Backends, rule: HTTPRule) -> Iterator[Fields]:
    """The filters that send copies of requests; a share is in whole percents, or in thousandths of one."""
    for to, _, share in rule.copies:
        target = RouteTarget(to, to.required("host").host, to.subset, to.port.number, None)
        mirror: Fields = {"backendRef": backends.backend(target)}
        if share == int(share) != 100:
            mirror["percent"] = int(share)
        elif share != 100:
            mirror["fraction"] = {"numerator": round(share * 1000), "denominator": 100_000}
        yield {"type": "RequestMirror", "requestMirror": mirror}
    rule.leave(*MIRRORS)


def match_fields(match: RequestMatch) -> Fields:
    """Returns a match as a gateway's HTTPRoute says it: prefixes by whole segments."""
    fields = routes.http_match(match, level=False)
    if match.path and match.path.kind == "prefix":
        fields["path"] = {"type": "PathPrefix", "value": match.path.value.rstrip("/") or "/"}
    return fields


def _rewrite(draft: Draft, rule: HTTPRule, match: RequestMatch) -> Iterator[Fields]:
    fields: Fields = {}
    if host := rule.rewrite.authority:
        fields["hostname"] = host
    if path := rule.rewrite.uri:
        full = match.path and match.path.kind != "prefix"
        kind = "ReplaceFullPath" if full else "ReplacePrefixMatch"
        fields["path"] = {"type": kind, kind[0].lower() + kind[1:]: path}
        if match.path is None and path != "/":
            draft.report("rewrite.slash", rule.rewrite, "uri")
    if fields:
        yield {"type": "URLRewrite", "urlRewrite": fields}


def grant(draft: Draft) -> None:
    """Adds a ReferenceGrant for each pair of namespaces that routes on Gateways of the translation join.

    Istio's gateways ask for none where a VirtualService leads to another namespace. Neither do meshes where
    a route's parent is a Service.
    """
    kinds: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    services: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    origins: defaultdict[tuple[str, str], dict[Resource, None]] = defaultdict(dict)
    for made in draft.objects:
        route = made.resource
        if route.group != GROUP or route.kind not in KINDS:
            continue
        read = Route.of(route)
        if not any(parent.kind == "Gateway" for parent in read.parents):
            continue
        for backend in (to for rule in read.written_rules for to in (*rule.backends, *_copied_to(rule))):
            if backend.namespace != route.namespace:
                pair = (backend.namespace, route.namespace)
                kinds[pair].add(route.kind)
                services[pair].add(backend.name)
                origins[pair].update(dict.fromkeys(made.origins))
    for pair, names in sorted(services.items()):
        namespace, routed = pair
        source = [{"group": GROUP, "kind": kind, "namespace": routed} for kind in sorted(kinds[pair])]
        to = [{"group": "", "kind": "Service", "name": name} for name in sorted(names)]
        spec = {"from": source, "to": to}
        draft.add(GRANTS, "ReferenceGrant", namespace, f"routes-of-{routed}", spec, origins[pair])


def _copied_to(rule: RouteRule) -> Iterator[TargetRef]:
    return (part.mirror.to for part in rule.filters if part.type == "RequestMirror")
