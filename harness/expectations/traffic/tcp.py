"""`tcp`: whether a bare connection gets through to the server."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from harness.expectations.base import UNKNOWN, Ground, Probing, Url
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.traffic.outcomes import Outcome

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.EMPTY_REPLY, Failure.TIMEOUT)


def _tcp(url: str) -> str:
    if not url.startswith("tcp://"):
        raise ValueError(f"{url!r} isn't a bare connection: write tcp://host:port")
    return url


class Tcp(Probing):
    """The server answers over a connection, or, with `open: false`, none gets through to it.

    A line is sent that is neither HTTP nor TLS; a server that says nothing to it shows nothing. Closed counts
    only beside a positive control: that the server would have answered.
    """

    kind: ClassVar[str] = "tcp"

    to: Annotated[Url, AfterValidator(_tcp)]
    open: bool = True

    def title(self) -> str:
        return f"tcp {'open' if self.open else 'closed'} from {self.source} to {self.to}"

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {"open" if self.open else "closed": Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.connected:
            return UNKNOWN if outcome.detail else "open"
        if outcome.failure in _CLOSED:
            return "closed" if not self.open else f"closed ({outcome})"
        return UNKNOWN if outcome.external else str(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        if not self.open:
            yield ground.provider.control(self.request(ground))
