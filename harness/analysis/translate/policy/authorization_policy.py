"""AuthorizationPolicy: who may do what, as sets of clients and of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from harness.analysis.translate.policy.clients import EVERYBODY, Clients
from harness.analysis.translate.policy.operation import Region, both, header_text, numbers, regions_of
from harness.analysis.translate.policy.source import (
    clients_of,
    namespaces_of,
    networks_of,
    principals_of,
    service_accounts_of,
)
from harness.analysis.translate.route.matches import EVERY, RequestMatch, Unsayable
from harness.analysis.translate.staying import reach
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.security.authorization_policy import AuthorizationRule, PolicyCondition
    from harness.base.resources import Resource

GROUP = "security.istio.io"

Value = TypeVar("Value")
Part = TypeVar("Part", bound=Node)


@dataclass(frozen=True)
class Permission:
    """One rule: the clients that it allows or denies the requests of its regions."""

    field: str
    clients: tuple[Clients, ...]
    regions: tuple[Region, ...]


@dataclass(frozen=True, eq=False)
class Policy:
    """An AuthorizationPolicy that decides; without a permission it matches nothing."""

    resource: Resource
    action: Literal["ALLOW", "DENY"]
    labels: Mapping[str, str]
    permissions: tuple[Permission, ...]


def policies(draft: Draft) -> tuple[Policy, ...]:
    """Returns the policies that decide on requests; reports the parts that Linkerd can't say."""
    every = map(AuthorizationPolicy.of, draft.estate.all(GROUP, "AuthorizationPolicy"))
    return tuple(policy for reading in every if (policy := _policy(draft, reading)))


def _policy(draft: Draft, reading: AuthorizationPolicy) -> Policy | None:
    whose = reach(draft.estate, reading.resource)
    if whose.gateways:
        draft.report("gateway-policy", reading, "targetRefs" if reading.targets else "selector")
    if not whose.others:
        return None
    if reading.action not in ("ALLOW", "DENY") or reading.is_dry_run:
        custom = reading.action == "CUSTOM" and not reading.is_dry_run
        draft.report("external-authorization" if custom else "audit", reading, "action")
        return None
    if reading.targets:
        draft.report("target", reading, "targetRefs")
        return None
    kept = tuple(kept for rule in reading.rules if (kept := _permission(draft, rule, reading.action)))
    policy = Policy(reading.resource, "DENY" if reading.action == "DENY" else "ALLOW", reading.labels, kept)
    draft.finish(reading)
    return policy


def _permission(draft: Draft, rule: AuthorizationRule, action: str) -> Permission | None:
    """What a rule says; None where a part that can't be said leaves nothing of it.

    What can't be said is left out as a whole: of an ALLOW rule that lets fewer in, of a DENY rule more.
    """
    clients: list[Clients] = []
    for origin in rule.sources:
        clients += _values(draft, origin.source, action, clients_of)
    regions: list[Region] = []
    for target in rule.operations:
        regions += _values(draft, target.operation, action, regions_of)
    if (rule.sources and not clients) or (rule.operations and not regions):
        rule.leave()
        return None
    clients, regions = clients or [EVERYBODY], regions or [Region()]
    for when in rule.conditions:
        pairs = _values(draft, when, action, _condition)
        if not pairs:
            rule.leave()
            return None
        clients = [met for client in clients for who, _ in pairs if (met := client.meet(who))]
        regions = [shared for region in regions for _, its in pairs if (shared := both(region, its))]
    if action == "ALLOW" and not all(client.sayable for client in clients):
        draft.report("policy-condition.sources", rule)
        clients = [client for client in clients if client.sayable]
    return Permission(rule.path, tuple(dict.fromkeys(clients)), tuple(dict.fromkeys(regions)))


def _values(
    draft: Draft, part: Part, action: str, read: Callable[[Draft, Part], Iterable[Value]]
) -> list[Value]:
    """What is read of a part, nothing where it can't be said; that is reported."""
    try:
        values = list(read(draft, part))
        if unknown := next(part.unread(), ""):
            raise Unsayable(f"{unknown} isn't known")
        return values
    except Unsayable as error:
        part.leave()
        effect = "it denies nobody now" if action == "DENY" else "it lets nobody in now"
        draft.report("policy-condition", part, problem=error, effect=effect)
        return []


def _condition(draft: Draft, part: PolicyCondition) -> Iterable[tuple[Clients, Region]]:
    """The clients and requests that fulfil a condition, as pairs of which one is to hold."""
    values, unwanted = part.values, part.not_values
    name, _, rest = part.key.partition("[")
    if name == "request.headers":
        header = rest.rstrip("]").lower()
        unless = tuple(RequestMatch(headers=((header, header_text(text)),)) for text in unwanted)
        matches = [RequestMatch(headers=((header, header_text(text)),)) for text in values] or [EVERY]
        yield from ((EVERYBODY, Region(match, unless)) for match in matches)
    elif name == "destination.port":
        ports = numbers(part, "values", values)
        yield EVERYBODY, Region(ports=ports or None, not_ports=numbers(part, "notValues", unwanted))
    elif name == "source.ip":
        yield Clients(networks=networks_of(part, values, unwanted)), Region()
    elif name in ("source.principal", "source.namespace", "source.serviceAccount"):
        read = {
            "source.principal": principals_of,
            "source.namespace": namespaces_of,
            "source.serviceAccount": service_accounts_of,
        }[name]
        whom = Clients(read(draft, part, "values", values) if values else None)
        not_whom = Clients(excluded=read(draft, part, "notValues", unwanted))
        if both := whom.meet(not_whom):
            yield both, Region()
    else:
        raise Unsayable(f"Linkerd's policies know no {part.key}")
