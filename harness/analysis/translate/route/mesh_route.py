"""VirtualServices of the sidecars, as HTTPRoutes and GRPCRoutes on the Services that clients call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import ports_of, routable
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route import grpc_route, order, routes
from harness.analysis.translate.route.matches import EVERY
from harness.analysis.translate.route.order import Choice
from harness.api.istio.hosts import MESH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.base.resources import Resource


def add(
    draft: Draft, resource: Resource, hosts: Sequence[Host], rules: Sequence[TranslatedRule], subsets: Subsets
) -> None:
    """Adds the routes of one VirtualService on each of these Services, in the Service's namespace."""
    for rule in rules:
        if rule.rewrite:
            _report_rewrite(draft, rule)
    _report_unreachable(draft, rules)
    for host in hosts:
        _add(draft, resource, host, rules, subsets, alone=len(hosts) == 1)


def _add(
    draft: Draft,
    resource: Resource,
    host: Host,
    rules: Sequence[TranslatedRule],
    subsets: Subsets,
    *,
    alone: bool,
) -> None:
    namespace, service = host.key
    by_rules: dict[tuple[str, str], tuple[list[int], tuple[routes.Written, ...]]] = {}
    for port in _ports(draft, resource, host, rules):
        kind, written = _written(
            draft, resource, host, rules, routes.Backends(subsets, port, namespace), port
        )
        if written:
            by_rules.setdefault((kind, repr(written)), ([], written))[0].append(port)
        else:
            draft.report(
                Severity.LOST,
                "no-rule",
                resource,
                "spec.http",
                f"no rule is left for port {port} of {service}: the Service answers where Istio says 404",
                "see the other findings of this object",
            )
    name = resource.name if alone else f"{resource.name}-{service}"
    origins = tuple(dict.fromkeys((resource, *(rule.origin for rule in rules))))
    for (kind, _), (ports, written) in by_rules.items():
        parents = [{"group": "", "kind": "Service", "name": service, "port": port} for port in ports]
        routes.add(draft, name, namespace, {"parentRefs": parents}, written, origins, kind)


def _written(
    draft: Draft,
    resource: Resource,
    host: Host,
    rules: Sequence[TranslatedRule],
    backends: routes.Backends,
    port: int,
) -> tuple[str, tuple[routes.Written, ...]]:
    """The kind of a port's routes, and their rules: never of both kinds, GRPCRoutes shut HTTPRoutes out."""
    choices = choices_for(rules, port, MESH)
    said = f"port {port} of {'/'.join(host.key)}"
    if grpc_route.declared(host.service, port):
        found = order.ordered(choices, grpc_route.rank)
        if choices and not found.conflicts and grpc_route.sayable(rules, found.choices):
            differs = "; ".join(grpc_route.differences(rules, found.choices))
            draft.report(
                Severity.CHANGED,
                "grpc",
                resource,
                "spec.hosts",
                f"{said} is for gRPC alone under a GRPCRoute: {differs}",
                "name the port http2-… if it serves others, too",
            )
            return "GRPCRoute", grpc_route.written(draft, rules, found.choices, backends)
        draft.report(
            Severity.CHECK,
            "grpc",
            resource,
            "spec.http",
            f"{said} is for gRPC, but no GRPCRoute can say these rules: HTTPRoutes treat calls as requests",
            "match by /service/method and headers, and retry on gRPC's own statuses",
        )
    found = order.ordered(choices)
    for index, why in found.conflicts:
        draft.report(
            Severity.CHANGED,
            "order",
            rules[index].origin,
            rules[index].field,
            f"the first match can't be said under Linkerd's precedence: {why}",
            "tell these requests apart by another condition",
            rule=rules[index].name,
        )
    return "HTTPRoute", routes.written(draft, rules, found.choices, backends)


def choices_for(rules: Sequence[TranslatedRule], port: int, gateway: str) -> tuple[Choice, ...]:
    """Returns the choices that a port's proxy gets: up to the first that takes every request."""
    found = []
    for index, rule in enumerate(rules):
        for one in rule.conditions:
            if one.port not in (None, port) or (one.gateways and gateway not in one.gateways):
                continue
            choice = Choice(one.match, index, one.unless)
            found.append(choice)
            if choice == Choice(EVERY, index):
                return tuple(found)
    return tuple(found)


def _ports(draft: Draft, resource: Resource, host: Host, rules: Sequence[TranslatedRule]) -> Iterable[int]:
    """The Service's ports that speak HTTP; those that the rules name where the Service isn't known."""
    if host.service is not None:
        return [port.number for port in ports_of(host.service) if routable(port)]
    named = {one.port for rule in rules for one in rule.conditions if one.port}
    named |= {
        target.port
        for rule in rules
        for target in rule.targets
        if target.port and draft.estate.host(target.host, rule.origin.namespace).name == host.name
    }
    if not named:
        namespace, name = host.key
        draft.report(
            Severity.CHECK,
            "port",
            resource,
            "spec.hosts",
            f"the Service {namespace}/{name} isn't among the manifests: its port is taken for 80",
            "give the Service's manifest, too",
        )
    return sorted(named) or [80]


def _report_rewrite(draft: Draft, rule: TranslatedRule) -> None:
    draft.report(
        Severity.LOST,
        "rewrite",
        rule.origin,
        f"{rule.field}.rewrite",
        "Linkerd ignores a route with a URLRewrite filter: the request goes on unchanged",
        "let the application take the original path and host, or rewrite at the ingress",
        rule=rule.name,
    )


def _report_unreachable(draft: Draft, rules: Sequence[TranslatedRule]) -> None:
    """Tells of rules after one that takes every request: no sidecar has them."""
    for index, rule in enumerate(rules[:-1]):
        if any(replace(one, gateways=()) == type(one)() for one in rule.conditions):
            for later in rules[index + 1 :]:
                draft.report(
                    Severity.CHECK,
                    "unreachable",
                    later.origin,
                    later.field,
                    f"{rule.subject} takes every request before it: it had no effect, and is left out",
                    "delete it, or move it up",
                    rule=later.name,
                )
            return
