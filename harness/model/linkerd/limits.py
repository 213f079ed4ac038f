"""Time limits and retries that a route or a Service asks for, mostly by annotation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model.durations import is_duration, seconds
from harness.model.message import RETRYABLE_GRPC
from harness.model.objects import annotations_of, not_modelled

if TYPE_CHECKING:
    from harness.resources import Resource
    from harness.traffic.outcomes import Outcome


@dataclass(frozen=True)
class Limit:
    """The time that a request has left, and how the proxy calls its end."""

    seconds: float
    name: str

    def after(self, spent: float) -> Limit:
        """Returns the limit for what comes after some time was spent."""
        return replace(self, seconds=self.seconds - spent)


@dataclass(frozen=True)
class Timeouts:
    """Limits in seconds: on the whole request, on its answer, and on idle time, which ends none."""

    request: float | None = None
    response: float | None = None
    idle: float | None = None

    def shortest(self) -> Limit | None:
        """Returns the limit that ends a request first."""
        named = ((self.request, "request timeout"), (self.response, "response stream timeout"))
        limits = [Limit(seconds, f"{name}: {seconds:g}s") for seconds, name in named if seconds is not None]
        return min(limits, key=lambda limit: limit.seconds, default=None)


@dataclass(frozen=True)
class Retry:
    """What is sent again, how often, and after which time per try; gRPC codes apply to gRPC only."""

    statuses: tuple[tuple[int, int], ...]
    grpc: tuple[int, ...]
    limit: int = 1
    timeout: float | None = None

    def applies(self, outcome: Outcome) -> bool:
        """Returns whether an answer is sent again."""
        if outcome.grpc_status is not None and self.grpc:
            return outcome.grpc_status in self.grpc
        status = outcome.status or 0
        return any(low <= status <= high for low, high in self.statuses)


def timeouts(resource: Resource) -> Timeouts:
    """Returns the limits that an object's annotations set."""
    return Timeouts(
        _duration(resource, "timeout.linkerd.io/request"),
        _duration(resource, "timeout.linkerd.io/response"),
        _duration(resource, "timeout.linkerd.io/idle"),
    )


def retry(resource: Resource) -> Retry | None:
    """Returns the retries that an object's annotations ask for, None if they ask for none.

    Without conditions 5xx is retried; the limit is 1 unless said otherwise
    [linkerd/linkerd2: policy-controller, parse_http_retry].
    """
    entries = annotations_of(resource)
    named = [key for key in entries if key.startswith("retry.linkerd.io/")]
    if not named:
        return None
    http = _words(resource, "retry.linkerd.io/http", r"5xx|gateway-error|\d{3}(-\d{3})?")
    grpc = _words(resource, "retry.linkerd.io/grpc", "|".join(RETRYABLE_GRPC))
    limit = _words(resource, "retry.linkerd.io/limit", r"1?\d|20") or ["1"]
    return Retry(
        tuple(map(_statuses, http)) if http else ((500, 599),),
        tuple(RETRYABLE_GRPC[word] for word in grpc),
        int(limit[0]) or 1,
        _duration(resource, "retry.linkerd.io/timeout"),
    )


def _duration(resource: Resource, name: str) -> float | None:
    text = annotations_of(resource).get(name)
    if text and not is_duration(text):
        raise not_modelled(resource, f"annotation {name}", f"{text!r} isn't a duration")
    return seconds(text)


def _words(resource: Resource, name: str, pattern: str) -> list[str]:
    """The words of an annotation's list; raises NotModelledError for one that isn't of this form."""
    words = [word.strip().lower() for word in annotations_of(resource).get(name, "").split(",") if word]
    for word in words:
        if not re.fullmatch(pattern, word, re.ASCII):
            raise not_modelled(resource, f"annotation {name}", f"{word!r} isn't one of: {pattern}")
    return words


def _statuses(word: str) -> tuple[int, int]:
    match word:
        case "5xx":
            return (500, 599)
        case "gateway-error":
            return (502, 504)
        case code:
            low, _, high = code.partition("-")
            return (int(low), int(high or low))
