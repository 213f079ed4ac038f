"""`tcp`, `refused`, `latency`, `timeout`: whether a connection gets through, and when an answer comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from harness.expectations.base import Probing
from harness.expectations.values import Seconds, Url, scheme
from harness.expectations.verdict import UNKNOWN
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.expectations.base import Ground
    from harness.traffic.outcomes import Outcome

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.EMPTY_REPLY, Failure.TIMEOUT)

_ENVOY = (
    "remote connection failure", "connection refused", "delayed connect error", "no healthy upstream",
)  # fmt: skip
_LINKERD = (
    "client error (Connect)", "service in fail-fast", "service unavailable", "connect timed out",
)  # fmt: skip

EARLY, LATE = 0.1, 1.0
"""Seconds by which a timer may be early, and, unless it is said, an answer late."""

_DEADLINE_EXCEEDED = 4


class Tcp(Probing):
    """The server answers over a connection, or, with `open: false`, none gets through to it.

    A line is sent that is neither HTTP nor TLS; a server that says nothing to it shows nothing. Closed counts
    only beside a positive control: that the server would have answered.
    """

    kind: ClassVar[str] = "tcp"

    to: Annotated[Url, scheme("tcp://", words=" isn't a bare connection: write tcp://host:port")]
    open: bool = True

    def title(self) -> str:
        return f"tcp {self.label} from {self.source} to {self.to}"

    @property
    def label(self) -> str:
        return "open" if self.open else "closed"

    def classify(self, outcome: Outcome) -> str:
        if outcome.connected:
            return UNKNOWN if outcome.detail else "open"
        if outcome.failure in _CLOSED:
            return "closed" if not self.open else f"closed ({outcome})"
        return UNKNOWN if outcome.external else str(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        if not self.open:
            yield ground.provider.control(self.request(ground))


def refused(outcome: Outcome) -> bool:
    """Returns whether no connection to a server came about: refused, or a proxy says that it can't connect.

    A name that doesn't resolve, a time-out without a word, and a policy's denial are something else.
    """
    if outcome.failure is not None:
        return outcome.failure is Failure.REFUSED
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return any(words in error for words in _LINKERD)
    message = outcome.body or outcome.header("grpc-message") or ""
    failed = outcome.status == 503 or outcome.grpc_status == 14
    return failed and any(words in message for words in _ENVOY)


class Refused(Probing):
    """Every request finds nobody who takes its connection: the kernel, or the client's proxy, says so."""

    kind: ClassVar[str] = "refused"
    label: ClassVar[str] = "refused"

    def class_of(self, outcome: Outcome) -> str:
        return self.label if refused(outcome) else str(outcome)


class Latency(Probing):
    """Every answer takes at least and at most so long; a failure is no answer."""

    kind: ClassVar[str] = "latency"

    at_least: Seconds | None = None
    at_most: Seconds | None = None

    def faults(self) -> Iterator[str]:
        if self.at_least is None and self.at_most is None:
            yield "give at_least, at_most, or both"
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            yield "at_least is more than at_most"

    @property
    def label(self) -> str:
        low = f"at least {self.at_least:g} s" if self.at_least is not None else ""
        high = f"at most {self.at_most:g} s" if self.at_most is not None else ""
        return " and ".join(filter(None, (low, high)))

    def class_of(self, outcome: Outcome) -> str:
        if outcome.failure is not None:
            return str(outcome)
        low, high = self.at_least or 0.0, self.at_most if self.at_most is not None else math.inf
        return self.label if low <= outcome.seconds <= high else _tenths(outcome)

    def compared(self, outcome: Outcome) -> str:
        """Which side of the bounds an answer is on: a cluster's seconds are never the model's to a tenth."""
        label = self.classify(outcome)
        if label in (self.label, UNKNOWN) or outcome.failure is not None:
            return label
        return "too soon" if outcome.seconds < (self.at_least or 0.0) else "too late"


def timed_out(outcome: Outcome) -> bool:
    """Returns whether a proxy's time limit ended the request: 504 in Envoy's words, or by Linkerd's proxy.

    An application's own 504, and a proxy that couldn't connect in time, are something else.
    """
    words = outcome.body or outcome.header("grpc-message") or ""
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        ended = outcome.status == 504 or outcome.grpc_status == _DEADLINE_EXCEEDED
        return ended and "connect" not in error
    return words == "upstream request timeout"


class Timeout(Probing):
    """A proxy's time limit ends every request `after` so long, and `at_most` so late (else by a second)."""

    kind: ClassVar[str] = "timeout"

    after: Seconds
    at_most: Seconds | None = None

    def faults(self) -> Iterator[str]:
        if self.at_most is not None and self.at_most < self.after:
            yield "at_most is less than after"

    @property
    def label(self) -> str:
        return f"ended after {self.after:g} s"

    def class_of(self, outcome: Outcome) -> str:
        if not timed_out(outcome):
            return f"{outcome}, not ended by a time limit"
        latest = self.after + LATE if self.at_most is None else self.at_most
        in_time = self.after - EARLY <= outcome.seconds <= latest
        return self.label if in_time else f"ended after {_tenths(outcome)}"


def _tenths(outcome: Outcome) -> str:
    tenth = math.floor(outcome.seconds * 10) / 10
    return f"{tenth:.1f} to {tenth + 0.1:.1f} s"
