"""Rules written as routes: matches, backends, and as many route objects as the API's limits ask for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.estate import ports_of
from harness.analysis.translate.finding import Severity
from harness.model.network.services import service_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.route.matches import RequestMatch, Text
    from harness.analysis.translate.route.order import Choice
    from harness.analysis.translate.route.virtual_service import RouteTarget, TranslatedRule
    from harness.base.resources import Resource

GATEWAY_API = "gateway.networking.k8s.io/v1"
MAX_RULES, MAX_MATCHES = 16, 64
"""What one route may hold [Gateway API: HTTPRouteSpec, HTTPRouteRule]; 128 matches in all."""
_ALL_MATCHES = 128

Fields = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """A route's rule, and the annotations that its route must have."""

    fields: Fields
    annotations: tuple[tuple[str, str], ...]


def written(
    draft: Draft, rules: Sequence[TranslatedRule], choices: Iterable[Choice], backends: Backends
) -> tuple[Written, ...]:
    """Returns rules for Linkerd: paths all count alike there, so the order of the choices decides."""
    choices = tuple(choices)
    level = any(choice.match.path for choice in choices)
    found = []
    for index, run in groupby(choices, key=lambda choice: choice.rule):
        rule = rules[index]
        matches = [http_match(choice.match, level=level) for choice in run]
        fields: Fields = {"filters": [dict(one) for one in rule.filters]}
        if not rule.redirects:
            fields["backendRefs"] = [backends.backend(draft, rule.origin, target) for target in rule.targets]
        fields["timeouts"] = {"request": rule.timeout} if rule.timeout else {}
        kept = {key: value for key, value in fields.items() if value}
        for start in range(0, len(matches), MAX_MATCHES):
            part = [match for match in matches[start : start + MAX_MATCHES] if match or len(matches) > 1]
            found.append(Written({"matches": part, **kept} if part else kept, rule.annotations))
    return tuple(found)


def add(
    draft: Draft,
    name: str,
    namespace: str,
    head: Fields,
    rules: Sequence[Written],
    origins: Iterable[Resource],
    kind: str = "HTTPRoute",
) -> None:
    """Adds routes with these rules in order: several where annotations or the API's limits ask for it.

    Between routes of one age the name decides, so that `name`, `name-02`, … keep the order.
    """
    origins = tuple(origins)
    for noted, run in groupby(rules, key=lambda rule: rule.annotations):
        for part in _chunks([rule.fields for rule in run]):
            draft.add(GATEWAY_API, kind, namespace, name, {**head, "rules": part}, origins, dict(noted))


def _chunks(rules: list[Fields]) -> Iterable[list[Fields]]:
    chunk: list[Fields] = []
    for rule in rules:
        matches = sum(len(one.get("matches") or [0]) for one in (*chunk, rule))
        if chunk and (len(chunk) == MAX_RULES or matches > _ALL_MATCHES):
            yield chunk
            chunk = []
        chunk.append(rule)
    yield chunk


def http_match(match: RequestMatch, *, level: bool) -> Fields:
    """Returns a match as an HTTPRoute says it; `level` gives one without a path a path that all have."""
    found: Fields = {}
    if match.path and match.path.kind == "exact":
        found["path"] = {"type": "Exact", "value": match.path.value}
    elif match.path:
        found["path"] = {"type": "RegularExpression", "value": match.path.written}
    elif level and (match.headers or match.query or match.method):
        found["path"] = {"type": "RegularExpression", "value": ".*"}
    if match.method:
        found["method"] = match.method
    if match.headers:
        found["headers"] = [named(name, text) for name, text in match.headers]
    if match.query:
        found["queryParams"] = [named(name, text) for name, text in match.query]
    return found


def named(name: str, text: Text) -> Fields:
    """Returns a condition on a header or a query parameter."""
    if text.kind == "exact":
        return {"name": name, "value": text.value}
    return {"name": name, "type": "RegularExpression", "value": text.written}


@dataclass(frozen=True)
class Backends:
    """What destinations become for requests to a port (None: any) of a parent in a namespace."""

    subsets: Subsets
    dialled: int | None
    namespace: str

    def backend(self, draft: Draft, resource: Resource, target: RouteTarget) -> Fields:
        """Returns the backendRef of a destination; reports what can't be known of it."""
        host = draft.estate.host(target.host, resource.namespace)
        field = f"{target.field}.destination"
        if not host.inside:
            draft.report(
                Severity.LOST,
                "outside-backend",
                resource,
                f"{field}.host",
                f"{host.name} is no Service of the cluster, so no route can send there",
                "make an ExternalName Service or an ExternalWorkload for it",
            )
            namespace, name = self.namespace, target.host.partition(".")[0]
        else:
            namespace, name = host.key
        if host.inside and host.service is None:
            draft.report(
                Severity.CHECK,
                "unknown-service",
                resource,
                f"{field}.host",
                f"the Service {namespace}/{name} isn't among the manifests; where there is none, "
                "Istio answers 503 and Linkerd 500",
                "give its manifest, too",
            )
        port = self._port(draft, resource, target, host.service)
        if target.subset:
            name = self._subset(draft, resource, target, host.name, name)
        found: Fields = {"name": name}
        if namespace != self.namespace:
            found["namespace"] = namespace
        found["port"] = port
        if target.weight is not None:
            found["weight"] = target.weight
        if target.filters:
            found["filters"] = [dict(one) for one in target.filters]
        return found

    def _port(self, draft: Draft, resource: Resource, target: RouteTarget, service: Resource | None) -> int:
        """The destination's port; if unset the Service's only one, else the one that was dialled."""
        ports = ports_of(service) if service else ()
        number = target.port or (ports[0].number if len(ports) == 1 else self.dialled)
        if number is None:
            draft.report(
                Severity.CHECK,
                "port",
                resource,
                f"{target.field}.destination.port",
                "the port isn't written, and the Service isn't among the manifests: taken for 80",
                "give the Service's manifest, too, or write the port",
            )
            return 80
        if service and service_port(service, number) is None:
            draft.report(
                Severity.CHANGED,
                "port",
                resource,
                f"{target.field}.destination.port",
                f"{service} has no port {number}: Istio answers 503, Linkerd 502",
                "name a port that the Service has",
            )
        return number

    def _subset(self, draft: Draft, resource: Resource, target: RouteTarget, host: str, name: str) -> str:
        key = (host, target.subset)
        made = self.subsets.get(key)
        if made is not None:
            return made.name
        if key not in self.subsets:
            draft.report(
                Severity.CHANGED,
                "subset",
                resource,
                f"{target.field}.destination.subset",
                f"no DestinationRule has {host}'s subset {target.subset}: Istio answers 503, Linkerd 500",
                "define the subset, or take the destination out",
            )
        return f"{name}-{target.subset}"
