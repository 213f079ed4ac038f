"""VirtualServices of the sidecars, as HTTPRoutes and GRPCRoutes on the Services that clients call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import routable
from harness.analysis.translate.route import grpc_route, order, routes
from harness.analysis.translate.route.condition import RuleCondition
from harness.analysis.translate.route.matches import EVERY
from harness.analysis.translate.route.order import Choice
from harness.api.istio.hosts import MESH
from harness.model.network.services import service_port, service_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.analysis.translate.route.routes import Written
    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.base.resources import Resource


_AT_GATEWAYS = {"rewrite": "rewrite", "mirror": "mirror", "mirrors": "mirror"}
"""What a gateway's route does and a Service's doesn't: fields, with the codes of their findings."""


def add(draft: Draft, resource: Resource, hosts: Sequence[Host], rules: Sequence[TranslatedRule]) -> None:
    """Adds the routes of one VirtualService on each of these Services, in the Service's namespace."""
    for rule in rules:
        for field, code in _AT_GATEWAYS.items():
            if rule.rule.has(field):
                draft.report(code, rule.rule, field, rule=rule.name)
    _report_unreachable(draft, rules)
    origins = tuple(dict.fromkeys((resource, *(rule.origin for rule in rules))))
    for host in hosts:
        namespace, service = host.key
        name = resource.name if len(hosts) == 1 else f"{resource.name}-{service}"
        by_rules: dict[tuple[str, str], tuple[list[int], tuple[Written, ...]]] = {}
        for port in _ports(draft, resource, host, rules):
            kind, written = _written(draft, resource, host, rules, port)
            if written:
                by_rules.setdefault((kind, repr(written)), ([], written))[0].append(port)
            else:
                draft.report("no-rule", resource, "spec.http", port=port, service=service)
        for (kind, _), (ports, written) in by_rules.items():
            parents = [{"group": "", "kind": "Service", "name": service, "port": port} for port in ports]
            routes.add(draft, name, namespace, {"parentRefs": parents}, written, origins, kind)


def _written(
    draft: Draft, resource: Resource, host: Host, rules: Sequence[TranslatedRule], port: int
) -> tuple[str, tuple[Written, ...]]:
    """The kind of a port's routes, and their rules: never of both kinds, GRPCRoutes shut HTTPRoutes out."""
    choices = _choices(rules, port)
    backends = routes.Backends(draft, port, host.key[0])
    declared = service_port(host.service, port) if host.service else None
    if declared and declared.protocol == "grpc":
        label = f"port {port} of {'/'.join(host.key)}"
        ordered = order.ordered(choices, grpc_route.rank)
        if choices and not ordered.conflicts and grpc_route.sayable(rules, ordered.choices):
            differences = "; ".join(grpc_route.differences(rules, ordered.choices))
            draft.report("grpc", resource, "spec.hosts", port=label, differences=differences)
            return "GRPCRoute", tuple(grpc_route.written(rules, ordered.choices, backends))
        draft.report("grpc.as-http", resource, "spec.http", port=label)
    ordered = order.ordered(choices)
    routes.report_conflicts(draft, rules, ordered.conflicts, "Linkerd's")
    return "HTTPRoute", tuple(routes.written(rules, ordered.choices, backends))


def _choices(rules: Sequence[TranslatedRule], port: int) -> tuple[Choice, ...]:
    """The choices that a port's proxy gets: up to the first that takes every request."""
    choices = []
    for index, rule in enumerate(rules):
        for condition in rule.conditions:
            if condition.port in (None, port) and (not condition.gateways or MESH in condition.gateways):
                choices.append(Choice(condition.match, index, condition.unless))
                if choices[-1] == Choice(EVERY, index):
                    return tuple(choices)
    return tuple(choices)


def _ports(draft: Draft, resource: Resource, host: Host, rules: Sequence[TranslatedRule]) -> Iterable[int]:
    """The Service's ports that speak HTTP; those that the rules name where the Service isn't known."""
    if host.service is not None:
        return [port.number for port in service_ports(host.service) if routable(port)]
    named = {condition.port for rule in rules for condition in rule.conditions if condition.port}
    named |= {
        target.port
        for rule in rules
        for target in rule.targets
        if target.port and draft.estate.host(target.host, rule.origin.namespace).name == host.name
    }
    if not named:
        draft.report("port.unknown-service", resource, "spec.hosts", service="/".join(host.key))
    return sorted(named) or [80]


def _report_unreachable(draft: Draft, rules: Sequence[TranslatedRule]) -> None:
    """Tells of rules after one that takes every request: no sidecar has them."""
    for index, rule in enumerate(rules):
        if any(replace(condition, gateways=()) == RuleCondition() for condition in rule.conditions):
            for later in rules[index + 1 :]:
                draft.report("unreachable", later.rule, rule=later.name, subject=rule.subject)
            return
