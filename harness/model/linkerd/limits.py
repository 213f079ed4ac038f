"""Time limits and retries that a route or a Service asks for, mostly by annotation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model.durations import seconds
from harness.model.objects import annotations_of

if TYPE_CHECKING:
    from harness.resources import Resource
    from harness.traffic.outcomes import Outcome

_GRPC_CODES = {
    "cancelled": 1,
    "deadline-exceeded": 4,
    "resource-exhausted": 8,
    "internal": 13,
    "unavailable": 14,
}


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
    entries = annotations_of(resource)
    return Timeouts(
        seconds(entries.get("timeout.linkerd.io/request")),
        seconds(entries.get("timeout.linkerd.io/response")),
        seconds(entries.get("timeout.linkerd.io/idle")),
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
    http = entries.get("retry.linkerd.io/http")
    grpc = entries.get("retry.linkerd.io/grpc", "")
    return Retry(
        tuple(_statuses(word) for word in http.split(",")) if http else ((500, 599),),
        tuple(_GRPC_CODES[word] for word in grpc.split(",") if word in _GRPC_CODES),
        int(entries.get("retry.linkerd.io/limit", "1")) or 1,
        seconds(entries.get("retry.linkerd.io/timeout")),
    )


def _statuses(word: str) -> tuple[int, int]:
    match word.strip().lower():
        case "5xx":
            return (500, 599)
        case "gateway-error":
            return (502, 504)
        case code:
            low, _, high = code.partition("-")
            return (int(low), int(high or low))
