"""ServiceProfile: where there is one with routes or overrides, it takes its Service over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.linkerd import PROFILES
from harness.api.linkerd.service_profile import ServiceProfile
from harness.base import expressions
from harness.base.errors import not_modelled
from harness.base.expressions import Dialect
from harness.model.linkerd.routing.limits import GRPC_FAILURES, own_error
from harness.model.network.dns import resolve
from harness.model.network.services import ServicePort, fqdn, service_port
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from harness.api.linkerd.service_profile import RequestCondition, ResponseClass, ResponseCondition
    from harness.base.resources import Resource
    from harness.model.linkerd.call import OutboundCall
    from harness.model.message import Message
    from harness.model.state.state import State
    from harness.traffic.outcomes import Outcome


@dataclass(frozen=True)
class Override:
    """A share of the Service's requests: the Service's port that gets it, the weight, and why."""

    port: ServicePort
    weight: Fraction
    why: Step


@dataclass(frozen=True)
class Budget:
    """What may be sent again: a share of what isn't, and that many requests in any case."""

    ratio: Fraction
    reserve: int

    def covers(self, failing: Fraction) -> bool:
        """Returns whether it suffices at any rate of requests of which this share fails."""
        return failing < 1 and failing / (1 - failing) <= self.ratio


@dataclass(frozen=True)
class ProfileRoute:
    """A route of a profile that a request matches; `budget` is None where nothing is sent again."""

    field: str
    timeout: float | None
    budget: Budget | None
    classes: tuple[ResponseClass, ...]

    def applies(self, outcome: Outcome) -> bool:
        """Returns whether an answer is sent again: by the first response class that fits, else 5xx."""
        status = outcome.status or 0
        if own_error(outcome):
            return False
        for part in self.classes:
            if _answers(part.condition, status):
                return part.is_failure
        if outcome.grpc_status is not None:
            return outcome.grpc_status in GRPC_FAILURES
        return status >= 500


def find(state: State, service: Resource, namespace: str) -> Resource | None:
    """Returns the profile that decides for this namespace's clients: their own instead of the Service's.

    One without routes and overrides decides nothing.
    """
    for place in (namespace, service.namespace):
        profile = state.get(PROFILES, "ServiceProfile", place, fqdn(service))
        if profile:
            return profile if ServiceProfile.kept(profile).decides else None
    return None


def overrides(state: State, profile: Resource, call: OutboundCall) -> tuple[Override, ...]:
    """Returns the profile's destination overrides; without port they mean the one that was dialled.

    Those without weight are left out. Raises NotModelledError for one that is no Service's port.
    """
    parts = ServiceProfile.kept(profile).overrides
    total = sum(part.weight for part in parts)
    found = []
    for part in parts:
        target = resolve(state, part.host, call.client.namespace)
        number = part.port or call.number
        port = service_port(target, number) if target else None
        if port is None:
            raise not_modelled(
                profile, part.at("authority"), f"there is no Service port {part.host}:{number}"
            )
        share = (part.weight, total, part.host.rstrip("."))
        why = step(profile, part.at("weight"), Action.SHARED, "takes {} of {}: {}", *share)
        found.append(Override(port, part.weight, why))
    return tuple(found)


def route(profile: Resource, message: Message) -> ProfileRoute | None:
    """Returns the first of the profile's routes that the request matches."""
    read = ServiceProfile.kept(profile)
    for part in read.routes:
        if _holds(part.condition, message) is True:
            budget = Budget(read.budget.ratio, read.budget.reserve) if part.is_retryable else None
            return ProfileRoute(part.path, part.timeout, budget, part.classes)
    return None


def _holds(condition: RequestCondition, message: Message) -> bool | None:
    """Whether a condition holds; its parts are all asked for [Linkerd: service profiles].

    None for an expression that the proxy can't read. It drops such a part from what holds others, too
    [linkerd2-proxy: service-profiles, convert_req_match].
    """
    held: list[bool | None] = []
    if condition.method is not None:
        held.append(message.method == condition.method.upper())
    if condition.path_regex is not None:
        held.append(_path_holds(condition.path_regex, message.path))
    if condition.has("all"):
        held.append(all(_readable(condition.all, message)))
    if condition.has("any"):
        held.append(any(_readable(condition.any, message)))
    if condition.has("not"):
        inner = _holds(condition.negated, message)
        held.append(None if inner is None else not inner)
    return held[0] if len(held) == 1 else all(one for one in held if one is not None)


def _readable(conditions: Iterable[RequestCondition], message: Message) -> list[bool]:
    held = (_holds(part, message) for part in conditions)
    return [one for one in held if one is not None]


def _path_holds(pattern: str, path: str) -> bool | None:
    if expressions.fault(pattern, Dialect.PROFILE):
        return None
    return expressions.matches(pattern, path, Dialect.PROFILE)


def _answers(condition: ResponseCondition, status: int) -> bool | None:
    """Whether a response class's condition holds for a status; None for what the proxy can't read.

    That is a range without one of its bounds, and a list of nothing else.
    """
    found: list[bool | None] = []
    if condition.has("status"):
        low, high = condition.status.low, condition.status.high
        found.append(low <= status <= high if low and high else None)
    for key, parts, test in (("all", condition.all, all), ("any", condition.any, any)):
        if condition.has(key):
            readable = [one for part in parts if (one := _answers(part, status)) is not None]
            found.append(test(readable) if readable else None)
    if condition.has("not"):
        inner = _answers(condition.negated, status)
        found.append(None if inner is None else not inner)
    known = [one for one in found if one is not None]
    return all(known) if known else None
