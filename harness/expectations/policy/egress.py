"""`egress`: whether a request gets out of the mesh to a place outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from harness.base.errors import HarnessError
from harness.expectations.base import WARM_UP, Probing
from harness.expectations.traffic.timing import timed_out
from harness.expectations.values import Url
from harness.expectations.verdict import UNKNOWN
from harness.traffic.outcomes import Failure
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.expectations.base import Ground
    from harness.traffic.outcomes import Outcome

LET_OUT, HELD_BACK = "let out", "held back"

_CLOSED = (Failure.RESET, Failure.EMPTY_REPLY, Failure.TLS)
_FORBIDDEN = "not allowed"


def forbidden(outcome: Outcome) -> bool:
    """Returns whether the client's proxy says itself that it won't let a request out.

    Istio's (REGISTRY_ONLY): 502 without having asked anybody. Linkerd's (EgressNetwork): 403 with its words.
    """
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return _FORBIDDEN in error
    upstream = outcome.header("x-envoy-upstream-service-time") is not None
    return outcome.status == 502 and outcome.header("server") == "envoy" and not upstream and not outcome.body


def dialled(outcome: Outcome) -> bool:
    """Returns whether the client's proxy tells that it dialled, and that nobody took the connection."""
    error = outcome.header("l5d-proxy-error")
    if error is not None:
        return "connect" in error.lower()
    return outcome.status == 503 and (outcome.body or "").startswith("upstream connect error")


class Egress(Probing):
    """The client's mesh lets the request out; with `allowed: false` it holds it back.

    Out it is when somebody answers who isn't the client's own proxy, or that tells that it dialled in vain.
    A connection that is closed without a word counts as held back only beside `control`, a URL to which the
    same client is let out.
    """

    kind: ClassVar[str] = "egress"

    allowed: bool = True
    control_: Url | None = Field(default=None, alias="control")

    @model_validator(mode="after")
    def _controlled(self) -> Self:
        if self.control_ is not None and self.allowed:
            raise ValueError("a control shows what allowed: false needs: that there is a way out at all")
        if not self.allowed and self.control_ is None and not self.to.startswith("http://"):
            raise ValueError("a closed connection proves little: name a control, a URL that is let out")
        return self

    def title(self) -> str:
        return f"egress {self.label} from {self.source} to {self.to}"

    @property
    def label(self) -> str:
        return LET_OUT if self.allowed else HELD_BACK

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return LET_OUT
        if forbidden(outcome):
            return HELD_BACK
        if outcome.failure in _CLOSED:
            return HELD_BACK if self.control_ or self.allowed else UNKNOWN
        if outcome.failure is Failure.RESOLVE:
            return str(outcome)
        if dialled(outcome):
            return LET_OUT
        by_proxy = timed_out(outcome) or outcome.header("l5d-proxy-error") is not None
        silent = outcome.connected and outcome.detail
        return UNKNOWN if outcome.failure is not None or by_proxy or silent else LET_OUT

    def control(self, ground: Ground) -> Iterable[str]:
        if self.control_ is None:
            return
        outcomes = ground.provider.send(Request(self.source, self.control_), WARM_UP)
        seen = {self.classify(group.outcome) for group in outcomes.groups}
        if seen != {LET_OUT}:
            raise HarnessError(
                f"{self.source} isn't let out to {self.control_} either",
                why=", ".join(sorted(seen)),
                todo="name a control that the client can reach",
            )
        yield f"{self.source} is let out to {self.control_}"
