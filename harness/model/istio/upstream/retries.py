"""How often Istio's proxies send a request again, and upon what [Envoy: x-envoy-retry-on]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base import grpc
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcome

CONDITIONS = ("connect-failure", "refused-stream", "unavailable", "cancelled")
"""What the mesh retries by default: failed connections, and answers that gRPC marks as such."""


@dataclass(frozen=True)
class Retries:
    """How often and upon what (empty: the mesh's default) to send again.

    `elsewhere`: to other pods; None: unless a hash keeps requests on one pod.
    """

    attempts: int = 2
    retry_on: tuple[str, ...] = ()
    per_try_timeout: float | None = None
    elsewhere: bool | None = None

    def again(self, number: int, outcome: Outcome) -> bool:
        """Returns whether what a try (the first is 1) gave is a reason to send again."""
        conditions = self.retry_on or CONDITIONS
        return number <= self.attempts and any(_meets(outcome, condition) for condition in conditions)


DEFAULT = Retries()
"""What Istio does where no rule says anything."""


def _meets(outcome: Outcome, condition: str) -> bool:
    status, failure = outcome.status, outcome.failure
    connecting = failure in (Failure.REFUSED, Failure.OTHER, Failure.TIMEOUT)
    if condition.isdigit():
        return status == int(condition)
    match condition:
        case "5xx":
            return failure is not None or (status is not None and status >= 500)
        case "gateway-error":
            return failure is not None or status in (502, 503, 504)
        case "reset" | "reset-before-request":
            return failure is not None and not connecting
        case "connect-failure":
            return connecting
        case "retriable-4xx":
            return status == 409
        case _:
            return outcome.grpc_status is not None and outcome.grpc_status == grpc.RETRYABLE.get(condition)
