"""ServiceProfile: where there is one with routes or overrides, it takes its Service over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd import PROFILES
from harness.api.linkerd.service_profile import ServiceProfile, ServiceProfileRoute
from harness.base import explored, expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect
from harness.base.matching import TextMatch
from harness.model.distribution import Branches, shares
from harness.model.linkerd import balancer
from harness.model.linkerd.routing.limits import GRPC_FAILURES, own_error
from harness.model.network.dns import resolve
from harness.model.network.services import ServicePort, fqdn, service_port
from harness.traffic.trace import Action, Trace, step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from harness.api.linkerd.service_profile import RequestCondition, ResponseCondition
    from harness.base.resources import Resource
    from harness.model.linkerd.balancer import OutboundCall
    from harness.model.message import Endpoint, Message
    from harness.traffic.outcomes import Outcome


def find(call: OutboundCall) -> Resource | None:
    """Returns the profile that decides on calls to a Service: the client's namespace's before its own."""
    if call.service is None:
        return None
    state, host = call.state, fqdn(call.service)
    for place in (call.client.namespace, call.service.namespace):
        profile = explored.of(state.get, PROFILES, "ServiceProfile", place, host)
        if profile:
            return profile if ServiceProfile.kept(profile).decides else None
    return None


def overrides(profile: Resource, call: OutboundCall) -> Branches[ServicePort | Endpoint]:
    """Returns the Services' ports that share the requests; without port the one is meant that was dialled.

    Those without weight are left out. The share of one without pods goes to the others, while there are
    any. Raises NotModelledError for one that is no Service's port.
    """
    parts = ServiceProfile.kept(profile).overrides
    total = sum(part.weight for part in parts)
    choices: list[tuple[Fraction, ServicePort | Endpoint, Trace]] = []
    empty: list[tuple[Fraction, ServicePort | Endpoint, Trace]] = []
    for part in parts:
        target = resolve(call.state, part.host, call.client.namespace)
        number = part.port or call.number
        port = service_port(target, number) if target else None
        if port is None:
            why = f"there is no Service port {part.host}:{number}"
            raise not_modelled(profile, part.at("authority"), why)
        share = (part.weight, total, part.host.rstrip("."))
        takes = step(profile, part.at("weight"), Action.SHARED, "takes {} of {}: {}", *share)
        (choices if balancer.ready(call, port)[0] else empty).append((part.weight, port, (takes,)))
    return shares(choices or empty)


def route(profile: Resource, message: Message) -> ServiceProfileRoute | None:
    """Returns the first of the profile's routes that the request matches."""
    routes = ServiceProfile.kept(profile).routes
    return next((route for route in routes if _holds(route.condition, message) is True), None)


def fails(route: ServiceProfileRoute, outcome: Outcome) -> bool:
    """Returns whether an answer is sent again: by the first response class that fits, else 5xx."""
    status = outcome.status or 0
    if own_error(outcome):
        return False
    for part in route.classes:
        if _answers(part.condition, status):
            return part.is_failure
    if outcome.grpc_status is not None:
        return outcome.grpc_status in GRPC_FAILURES
    return status >= 500


def _holds(condition: RequestCondition, message: Message) -> bool | None:
    """Whether a condition holds; its parts are all asked for [Linkerd: service profiles].

    None for an expression that the proxy can't read. It drops such a part from what holds others, too
    [linkerd2-proxy: service-profiles, convert_req_match].
    """
    held: list[bool | None] = []
    if condition.method is not None:
        held.append(message.method == condition.method.upper())
    if condition.path_regex is not None:
        pattern = condition.path_regex
        readable = not expressions.fault(pattern, Dialect.PROFILE)
        wanted = TextMatch("regex", pattern, dialect=Dialect.PROFILE)
        held.append(wanted.holds(message.path) if readable else None)
    if condition.has("all"):
        held.append(all(_readable(condition.all, message)))
    if condition.has("any"):
        held.append(any(_readable(condition.any, message)))
    if condition.has("not"):
        inner = _holds(condition.negated, message)
        held.append(None if inner is None else not inner)
    return held[0] if len(held) == 1 else all(value for value in held if value is not None)


def _readable(conditions: Iterable[RequestCondition], message: Message) -> list[bool]:
    held = (_holds(part, message) for part in conditions)
    return [value for value in held if value is not None]


def _answers(condition: ResponseCondition, status: int) -> bool | None:
    """Whether a condition holds for a status; None if the proxy can't read it (a range lacks a bound)."""
    held: list[bool | None] = []
    if condition.has("status"):
        low, high = condition.status.low, condition.status.high
        held.append(low <= status <= high if low and high else None)
    for key, parts, test in (("all", condition.all, all), ("any", condition.any, any)):
        if condition.has(key):
            readable = [value for part in parts if (value := _answers(part, status)) is not None]
            held.append(test(readable) if readable else None)
    if condition.has("not"):
        inner = _answers(condition.negated, status)
        held.append(None if inner is None else not inner)
    readable_parts = [value for value in held if value is not None]
    return all(readable_parts) if readable_parts else None
