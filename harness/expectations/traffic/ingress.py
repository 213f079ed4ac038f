"""`ingress`: what comes back of a request from outside of the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from harness.base.errors import HarnessError
from harness.expectations.base import WARM_UP
from harness.expectations.traffic.response import AS_EXPECTED, Answered
from harness.expectations.values import Url, WorkloadName, scheme
from harness.traffic.outcomes import Failure
from harness.traffic.request import HOST, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.expectations.base import Ground, Reference
    from harness.traffic.outcomes import Outcome

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.TLS, Failure.EMPTY_REPLY)


WebUrl = Annotated[Url, scheme("http://", "https://", words=": from outside http:// and https:// are sent")]


class Ingress(Answered):
    """Every answer through this gateway's Service is like this; keys as those of `response`.

    The gateway is dialled on the port of the URL, whose host is the Host header and TLS's server name. With
    `closed` no connection comes about, which counts only beside `control`, a URL that the gateway answers.
    """

    kind: ClassVar[str] = "ingress"

    to: WebUrl
    through: WorkloadName
    closed: bool = False
    control_: WebUrl | None = Field(default=None, alias="control")

    def check(self) -> None:
        if not self.closed:
            super().check()
        elif self.says:
            raise ValueError(f"{', '.join(sorted(self.says))} beside closed: there is no answer")
        elif self.control_ is None:
            raise ValueError("closed needs a control: a URL that the gateway answers")

    def title(self) -> str:
        what = "closed" if self.closed else self.method
        return f"ingress {what} {self.to} through {self.through}"

    def references(self) -> Iterator[Reference]:
        return iter(())  # `through` is a Service

    def request(self, ground: Ground) -> Request:
        return Request(HOST, self.to, self.method, tuple(self.headers.items()), through=self.through)

    @property
    def label(self) -> str:
        return "closed" if self.closed else AS_EXPECTED

    def classify(self, outcome: Outcome) -> str:
        if not self.closed:
            return super().classify(outcome)
        return "closed" if outcome.failure in _CLOSED else str(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        if self.control_ is None:
            return
        outcomes = ground.provider.send(replace(self.request(ground), url=self.control_), WARM_UP)
        answers = {str(group.outcome) for group in outcomes.groups}
        if not all(group.outcome.status for group in outcomes.groups):
            raise HarnessError(f"{self.control_} isn't answered either", why=", ".join(sorted(answers)))
        yield f"{self.control_} is answered: {', '.join(sorted(answers))}"
