"""Rules written as routes: matches, backends, and as many route objects as the API's limits ask for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from harness.model.network.services import service_port, service_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.translate.draft import Draft, Fields
    from harness.analysis.translate.route.matches import RequestMatch, Text
    from harness.analysis.translate.route.order import Choice
    from harness.analysis.translate.route.virtual_service import RouteTarget, TranslatedRule
    from harness.base.resources import Resource

GATEWAY_API = "gateway.networking.k8s.io/v1"
MAX_RULES, MAX_MATCHES = 16, 64
"""What one route may hold [Gateway API: HTTPRouteSpec, HTTPRouteRule]; 128 matches in all."""
_ALL_MATCHES = 128


@dataclass(frozen=True)
class Written:
    """A route's rule, and the annotations that its route must have."""

    fields: Fields
    annotations: tuple[tuple[str, str], ...]


def written(
    rules: Sequence[TranslatedRule], choices: Sequence[Choice], backends: Backends
) -> Iterator[Written]:
    """Yields rules for Linkerd: paths all count alike there, so the order of the choices decides."""
    level = any(choice.match.path for choice in choices)
    for rule, matches in runs(rules, choices):
        kept = backends.fields(rule)
        written_matches = [http_match(match, level=level) for match in matches]
        for chunk in chunks(written_matches):
            part = [match for match in chunk if match or len(written_matches) > 1]
            yield Written({"matches": part, **kept} if part else kept, rule.annotations)


def runs(
    rules: Sequence[TranslatedRule], choices: Iterable[Choice]
) -> Iterator[tuple[TranslatedRule, list[RequestMatch]]]:
    """Yields the rules in the order of the choices, each with its matches that follow on one another."""
    for index, run in groupby(choices, key=lambda choice: choice.rule):
        yield rules[index], [choice.match for choice in run]


def chunks(matches: Sequence[Fields]) -> Iterator[Sequence[Fields]]:
    """Yields matches, as many at a time as one rule may hold."""
    return (matches[start : start + MAX_MATCHES] for start in range(0, len(matches), MAX_MATCHES))


def report_conflicts(
    draft: Draft, rules: Sequence[TranslatedRule], conflicts: Iterable[tuple[int, str]], whose: str
) -> None:
    """Reports the rules whose place a precedence can't keep."""
    for index, why in conflicts:
        rule = rules[index]
        draft.report("order", rule.rule, rule=rule.name, whose=whose, problem=why)


def add(
    draft: Draft,
    name: str,
    namespace: str,
    head: Fields,
    rules: Iterable[Written],
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


def _chunks(rules: list[Fields]) -> Iterator[list[Fields]]:
    chunk: list[Fields] = []
    for rule in rules:
        matches = sum(len(part.get("matches") or [0]) for part in (*chunk, rule))
        if chunk and (len(chunk) == MAX_RULES or matches > _ALL_MATCHES):
            yield chunk
            chunk = []
        chunk.append(rule)
    yield chunk


def http_match(match: RequestMatch, *, level: bool) -> Fields:
    """Returns a match as an HTTPRoute says it; `level` gives one without a path a path that all have."""
    fields: Fields = {}
    if match.path and match.path.kind == "exact":
        fields["path"] = {"type": "Exact", "value": match.path.value}
    elif match.path:
        fields["path"] = {"type": "RegularExpression", "value": match.path.written}
    elif level and (match.headers or match.query or match.method):
        fields["path"] = {"type": "RegularExpression", "value": ".*"}
    if match.method:
        fields["method"] = match.method
    if match.headers:
        fields["headers"] = [named(name, text) for name, text in match.headers]
    if match.query:
        fields["queryParams"] = [named(name, text) for name, text in match.query]
    return fields


def named(name: str, text: Text) -> Fields:
    """Returns a condition on a header or a query parameter."""
    if text.kind == "exact":
        return {"name": name, "value": text.value}
    return {"name": name, "type": "RegularExpression", "value": text.written}


@dataclass(frozen=True)
class Backends:
    """What destinations become for requests to a port (None: any) of a parent in a namespace."""

    draft: Draft
    dialled: int | None
    namespace: str

    def fields(self, rule: TranslatedRule, *filters: Fields) -> Fields:
        """Returns a rule's fields beside its matches, with these filters, too; what is empty is left out."""
        fields = {
            "filters": [*map(dict, rule.filters), *filters],
            "backendRefs": [] if rule.redirects else [self.backend(target) for target in rule.targets],
            "timeouts": {"request": rule.timeout} if rule.timeout else {},
        }
        return {key: value for key, value in fields.items() if value}

    def backend(self, target: RouteTarget) -> Fields:
        """Returns the backendRef of a destination; reports what can't be known of it."""
        host = self.draft.estate.host(target.host, target.to.resource.namespace)
        if host.inside:
            namespace, name = host.key
            if host.service is None:
                self.draft.report("unknown-service", target.to, "host", service=f"{namespace}/{name}")
        else:
            self.draft.report("outside-backend", target.to, "host", host=host.name)
            namespace, name = self.namespace, target.host.partition(".")[0]
        port = self._port(target, host.service)
        if target.subset:
            name = self._subset(target, host.name, name)
        backend: Fields = {"name": name}
        if namespace != self.namespace:
            backend["namespace"] = namespace
        backend["port"] = port
        if target.weight is not None:
            backend["weight"] = target.weight
        if target.filters:
            backend["filters"] = [dict(part) for part in target.filters]
        return backend

    def _port(self, target: RouteTarget, service: Resource | None) -> int:
        """The destination's port; if unset the Service's only one, else the one that was dialled."""
        ports = service_ports(service) if service else ()
        number = target.port or (ports[0].number if len(ports) == 1 else self.dialled)
        if number is None:
            code = "port.several" if service else "port.unknown"
            self.draft.report(code, target.to, "port", service=service)
            return 80
        if service and service_port(service, number) is None:
            self.draft.report("port.missing", target.to, "port", service=service, port=number)
        return number

    def _subset(self, target: RouteTarget, host: str, name: str) -> str:
        key = (host, target.subset)
        if made := self.draft.subsets.get(key):
            return made.name
        if key not in self.draft.subsets:
            self.draft.report("subset.missing", target.to, "subset", host=host, subset=target.subset)
        return f"{name}-{target.subset}"
