"""ServiceProfile: where there is one with routes or overrides, it takes its Service over."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.api.objects import Fields, spec_of
from harness.base.durations import seconds
from harness.base.errors import not_modelled
from harness.base.matching import full_match
from harness.model.linkerd.routing.limits import GRPC_FAILURES, own_error
from harness.model.network.dns import resolve
from harness.model.network.services import ServicePort, fqdn, service_port
from harness.traffic.trace import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.base.resources import Resource
    from harness.model.linkerd.call import Call
    from harness.model.message import Message
    from harness.model.state.state import State
    from harness.traffic.outcomes import Outcome
    from harness.traffic.trace import Reason

_SUFFIXES = {"m": Fraction(1, 1000), "k": Fraction(1000), "": Fraction(1)}


@dataclass(frozen=True)
class Override:
    """A share of the Service's requests: the Service's port that gets it, the weight, and why."""

    port: ServicePort
    weight: Fraction
    why: Reason


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
    classes: tuple[Fields, ...]

    def applies(self, outcome: Outcome) -> bool:
        """Returns whether an answer is sent again: by the first response class that fits, else 5xx."""
        status = outcome.status or 0
        if own_error(outcome):
            return False
        for part in self.classes:
            if _answers(part["condition"], status):
                return bool(part.get("isFailure"))
        if outcome.grpc_status is not None:
            return outcome.grpc_status in GRPC_FAILURES
        return status >= 500


@dataclass(frozen=True)
class Repetition:
    """How a route's failures are sent again: so often at most, each try in its own time."""

    route: ProfileRoute
    limit: int
    timeout: None = None

    def applies(self, outcome: Outcome) -> bool:
        """Returns whether an answer is sent again."""
        return self.route.applies(outcome)


def find(state: State, service: Resource, namespace: str) -> Resource | None:
    """Returns the profile that decides for this namespace's clients: their own instead of the Service's.

    One without routes and overrides decides nothing.
    """
    for place in (namespace, service.namespace):
        profile = state.get("linkerd.io", "ServiceProfile", place, fqdn(service))
        if profile:
            spec = spec_of(profile)
            decides = spec.get("routes") or any(map(_weight, spec.get("dstOverrides") or ()))
            return profile if decides else None
    return None


def overrides(state: State, profile: Resource, call: Call) -> tuple[Override, ...]:
    """Returns the profile's destination overrides; without port they mean the one that was dialled.

    Those without weight are left out. Raises NotModelledError for one that is no Service's port.
    """
    parts = [
        (f"spec.dstOverrides[{index}]", part)
        for index, part in enumerate(spec_of(profile).get("dstOverrides") or ())
        if _weight(part)
    ]
    total = sum(_weight(part) for _, part in parts)
    found = []
    for field, part in parts:
        host, _, number = part["authority"].partition(":")
        target = resolve(state, host, call.client.namespace)
        port = service_port(target, int(number or call.number)) if target else None
        if port is None:
            why = f"there is no Service port {host}:{number or call.number}"
            raise not_modelled(profile, f"{field}.authority", why)
        text = f"takes {_weight(part)} of {total}: {host.rstrip('.')}"
        found.append(Override(port, _weight(part), reason(profile, f"{field}.weight", text)))
    return tuple(found)


def _weight(part: Fields) -> Fraction:
    text = str(part["weight"])
    suffix = text[-1] if text[-1].isalpha() else ""
    return Fraction(text.removesuffix(suffix)) * _SUFFIXES[suffix]


def route(profile: Resource, message: Message) -> ProfileRoute | None:
    """Returns the first of the profile's routes that the request matches."""
    for index, part in enumerate(spec_of(profile).get("routes") or ()):
        if _holds(part.get("condition") or {}, message):
            return ProfileRoute(
                f"spec.routes[{index}]",
                seconds(part.get("timeout")),
                _budget(profile) if part.get("isRetryable") else None,
                tuple(part.get("responseClasses") or ()),
            )
    return None


def _budget(profile: Resource) -> Budget:
    """The profile's retry budget; by default a fifth of the requests, and 10 a second over 10 s."""
    said = spec_of(profile).get("retryBudget") or {}
    ttl = seconds(said.get("ttl", "10s")) or 0.0
    ratio = Fraction(str(said.get("retryRatio", "0.2")))
    return Budget(ratio, int(said.get("minRetriesPerSecond", 10) * ttl))


def _holds(condition: Fields, message: Message) -> bool:
    """Whether a condition holds; its parts are all asked for [Linkerd: service profiles]."""
    parts: dict[str, Callable[[Any], bool]] = {
        "method": lambda value: message.method == value.upper(),
        "pathRegex": lambda value: full_match(value.strip(), message.path),
        "all": lambda value: all(_holds(part, message) for part in value),
        "any": lambda value: any(_holds(part, message) for part in value),
        "not": lambda value: not _holds(value, message),
    }
    return all(test(condition[key]) for key, test in parts.items() if key in condition)


def _answers(condition: Fields, status: int) -> bool | None:
    """Whether a response class's condition holds for a status; None for what the proxy can't read.

    That is a range without one of its bounds, and a list of nothing else.
    """
    found: list[bool | None] = []
    if "status" in condition:
        low, high = (condition["status"].get(bound) for bound in ("min", "max"))
        found.append(low <= status <= high if low and high else None)
    for key, test in (("all", all), ("any", any)):
        if key in condition:
            parts = [one for part in condition[key] if (one := _answers(part, status)) is not None]
            found.append(test(parts) if parts else None)
    if "not" in condition:
        inner = _answers(condition["not"], status)
        found.append(None if inner is None else not inner)
    readable = [one for one in found if one is not None]
    return all(readable) if readable else None
