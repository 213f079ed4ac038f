"""`refused`: nobody takes the connection."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from harness.expectations.base import UNKNOWN, Ground, Probing
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.outcomes import Outcome

_ENVOY = (
    "remote connection failure",
    "connection refused",
    "delayed connect error",
    "no healthy upstream",
)
_LINKERD = (
    "client error (Connect)",
    "service in fail-fast",
    "service unavailable",
    "connect timed out",
)


def refused(outcome: Outcome) -> bool:
    """Returns whether no connection to a server came about: refused, or a proxy says that it can't connect.

    A name that doesn't resolve, a time-out without a word, and a policy's denial are something else.
    """
    if outcome.failure is not None:
        return outcome.failure is Failure.REFUSED
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return any(words in error for words in _LINKERD)
    said = outcome.body or outcome.header("grpc-message") or ""
    failed = outcome.status == 503 or outcome.grpc_status == 14
    return failed and any(words in said for words in _ENVOY)


class Refused(Probing):
    """Every request finds nobody who takes its connection: the kernel, or the client's proxy, says so."""

    kind: ClassVar[str] = "refused"

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {"refused": Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        return "refused" if refused(outcome) else str(outcome)
