"""ServiceProfile: where there is one with routes or overrides, it takes its Service over."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from harness.model.durations import seconds
from harness.model.kubernetes import fqdn
from harness.model.matching import full_match
from harness.model.objects import Fields, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.message import Message
    from harness.model.state import State
    from harness.resources import Resource

_SUFFIXES = {"m": Fraction(1, 1000), "k": Fraction(1000), "": Fraction(1)}


@dataclass(frozen=True)
class Override:
    """A share of the Service's requests: a Service's full name, its port, and the weight."""

    field: str
    host: str
    port: int
    weight: Fraction


@dataclass(frozen=True)
class ProfileRoute:
    """A route of a profile that a request matches."""

    field: str
    timeout: float | None
    retryable: bool
    classified: bool


def find(state: State, service: Resource, namespace: str) -> Resource | None:
    """Returns the profile that decides for this namespace's clients: their own before the Service's."""
    for place in (namespace, service.namespace):
        profile = state.get("linkerd.io", "ServiceProfile", place, fqdn(service))
        if profile and (spec_of(profile).get("routes") or spec_of(profile).get("dstOverrides")):
            return profile
    return None


def overrides(profile: Resource) -> tuple[Override, ...]:
    """Returns the profile's destination overrides."""
    found = []
    for index, part in enumerate(spec_of(profile).get("dstOverrides") or ()):
        host, _, port = part["authority"].partition(":")
        weight = _quantity(str(part["weight"]))
        found.append(Override(f"spec.dstOverrides[{index}]", host.rstrip("."), int(port or 80), weight))
    return tuple(found)


def _quantity(text: str) -> Fraction:
    suffix = text[-1] if text[-1].isalpha() else ""
    return Fraction(text.removesuffix(suffix)) * _SUFFIXES[suffix]


def route(profile: Resource, message: Message) -> ProfileRoute | None:
    """Returns the first of the profile's routes that the request matches."""
    for index, part in enumerate(spec_of(profile).get("routes") or ()):
        if _holds(part.get("condition") or {}, message):
            return ProfileRoute(
                f"spec.routes[{index}]",
                seconds(part.get("timeout")),
                bool(part.get("isRetryable")),
                bool(part.get("responseClasses")),
            )
    return None


def _holds(condition: Fields, message: Message) -> bool:
    """Whether a condition holds; its parts are all asked for [Linkerd: service profiles]."""
    parts: dict[str, Callable[[Any], bool]] = {
        "method": lambda value: message.method == value.upper(),
        "pathRegex": lambda value: full_match(value, message.path),
        "all": lambda value: all(_holds(part, message) for part in value),
        "any": lambda value: any(_holds(part, message) for part in value),
        "not": lambda value: not _holds(value, message),
    }
    return all(test(condition[key]) for key, test in parts.items() if key in condition)
