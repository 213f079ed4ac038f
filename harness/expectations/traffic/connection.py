"""`tcp` and `refused`: whether a connection gets through, and whether anybody takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from harness.expectations.base import Probing
from harness.expectations.values import Url, scheme
from harness.expectations.verdict import UNKNOWN
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.base import Ground
    from harness.traffic.outcomes import Outcome

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.EMPTY_REPLY, Failure.TIMEOUT)

_ENVOY = (
    "remote connection failure", "connection refused", "delayed connect error", "no healthy upstream",
)  # fmt: skip
_LINKERD = (
    "client error (Connect)", "service in fail-fast", "service unavailable", "connect timed out",
)  # fmt: skip


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
