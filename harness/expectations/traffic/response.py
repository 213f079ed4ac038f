"""`response`, `ingress`, `header`, `rewrite`, `redirect`, `grpc`: the answer, and what the server saw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from harness.base import HarnessError, did_you_mean
from harness.base.grpc import STATUSES
from harness.expectations.base import WARM_UP, Asking, Probing
from harness.expectations.values import Text, Url, WorkloadName, json_value, scheme
from harness.expectations.verdict import UNKNOWN
from harness.traffic.outcomes import Failure
from harness.traffic.request import HOST, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.expectations.base import Ground, Reference
    from harness.traffic.outcomes import Outcome

AS_EXPECTED = "as expected"

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.TLS, Failure.EMPTY_REPLY)

WebUrl = Annotated[Url, scheme("http://", "https://", words=": from outside http:// and https:// are sent")]


class Checking(Asking):
    """An expectation that each answer must meet whole."""

    @property
    def label(self) -> str:
        return AS_EXPECTED

    def problems(self, outcome: Outcome) -> Iterator[str]:
        """Yields what is wrong with an answer, and UNKNOWN for each check that it doesn't tell enough for."""
        raise NotImplementedError

    def class_of(self, outcome: Outcome) -> str:
        if outcome.failure is not None:
            return str(outcome)
        problems = list(self.problems(outcome))
        wrong = ", ".join(problem for problem in problems if problem != UNKNOWN)  # whatever isn't known
        return wrong or (UNKNOWN if problems else AS_EXPECTED)


class Answered(Checking):
    """Every answer has this status, these headers, this body, these values in its JSON body."""

    status: int | None = None
    grpc_status: int | None = None
    header: dict[str, Text] = Field(default_factory=dict)
    body: Text | None = None
    json_: dict[str, Text] = Field(default_factory=dict, alias="json")

    @property
    def says(self) -> set[str]:
        """What it says of the answer."""
        return self.model_fields_set & {"status", "grpc_status", "header", "body", "json_"}

    def faults(self) -> Iterator[str]:
        if not self.says:
            yield "say what the response must have: status, grpc_status, header, body or json"

    def problems(self, outcome: Outcome) -> Iterator[str]:
        if self.status is not None and outcome.status != self.status:
            yield f"status {outcome}"
        if self.grpc_status is not None and outcome.grpc_status != self.grpc_status:
            yield f"grpc-status {outcome.grpc_status}"
        yield from _wrong("header", self.header, outcome.header)
        if self.body is not None and not self.body.holds(outcome.body):
            yield UNKNOWN if outcome.body is None else f"body {outcome.body[:200]!r}"
        for path, match in self.json_.items():
            value = json_value(outcome.body, path)
            if not match.holds(value):
                yield UNKNOWN if value == UNKNOWN else f"{path}: {value}"

    def compared(self, outcome: Outcome) -> str:
        """Whether an answer is as expected: the words of those that aren't differ from pod to pod."""
        label = self.classify(outcome)
        same = outcome.failure is not None or label in (AS_EXPECTED, UNKNOWN)
        return label if same else "otherwise"


class Response(Probing, Answered):
    """What a workload gets answered."""

    kind: ClassVar[str] = "response"


class Header(Probing, Checking):
    """The server sees these headers of the request, and the client those of the response.

    For what the server sees it must tell, as an echo does.
    """

    kind: ClassVar[str] = "header"

    request_: dict[str, Text] = Field(default_factory=dict, alias="request")
    response: dict[str, Text] = Field(default_factory=dict)

    def faults(self) -> Iterator[str]:
        if not self.request_ and not self.response:
            yield "say which headers: of the request, of the response, or both"

    def problems(self, outcome: Outcome) -> Iterator[str]:
        yield from _wrong("response header", self.response, outcome.header)
        if self.request_ and outcome.server_saw is None:
            yield _unseen(outcome)
        elif outcome.server_saw is not None:
            yield from _wrong("request header", self.request_, outcome.server_saw.header)


class Rewrite(Probing, Checking):
    """The server sees this path (without query), this Host header; it must tell, as an echo does."""

    kind: ClassVar[str] = "rewrite"

    path: Text | None = None
    host: Text | None = None

    def faults(self) -> Iterator[str]:
        if self.path is None and self.host is None:
            yield "say what the server must see: path, host or both"

    def problems(self, outcome: Outcome) -> Iterator[str]:
        if outcome.server_saw is None:
            yield _unseen(outcome)
            return
        path, host = outcome.server_saw.path.partition("?")[0], outcome.server_saw.host
        for name, wanted, seen in (("path", self.path, path), ("host", self.host, host)):
            if wanted is not None and not seen:
                yield UNKNOWN
            elif wanted is not None and not wanted.holds(seen):
                yield f"{name} {seen}"


class Redirect(Probing):
    """Every answer redirects to this location, with `status` where one is given; it isn't followed."""

    kind: ClassVar[str] = "redirect"
    label: ClassVar[str] = "redirected"

    location: Text
    status: Literal[301, 302, 303, 307, 308] | None = None

    def class_of(self, outcome: Outcome) -> str:
        if outcome.status not in (301, 302, 303, 307, 308):
            return f"not redirected: {outcome}"
        location = outcome.header("location")
        if self.location.holds(location) and self.status in (None, outcome.status):
            return self.label
        return f"{outcome.status} to {location}"


def _status(value: object) -> object:
    name = STATUSES[value] if isinstance(value, int) and 0 <= value < len(STATUSES) else value
    if name not in STATUSES:
        raise ValueError(f"{value!r} isn't a gRPC status; {did_you_mean(str(value), STATUSES)}")
    return name


class Grpc(Probing):
    """Every call ends with this status, a name (`UNAVAILABLE`) or a number."""

    kind: ClassVar[str] = "grpc"

    to: Annotated[Url, scheme("grpc://", words=" isn't a gRPC call: write grpc://host[:port]/Service/Method")]
    status: Annotated[str, BeforeValidator(_status, json_schema_input_type=str | int)]

    def title(self) -> str:
        return f"grpc {self.status} from {self.source} to {self.to}"

    @property
    def label(self) -> str:
        return self.status

    def class_of(self, outcome: Outcome) -> str:
        if outcome.grpc_status is None:
            return f"no gRPC status: {outcome}"
        named = outcome.grpc_status < len(STATUSES)
        return STATUSES[outcome.grpc_status] if named else f"status {outcome.grpc_status}"


def _wrong(what: str, wanted: dict[str, Text], value_of: Callable[[str], str | None]) -> Iterator[str]:
    for name, match in wanted.items():
        value = value_of(name)
        if not match.holds(value):
            yield f"{what} {name}: {value}" if value is not None else f"no {what} {name}"


def _unseen(outcome: Outcome) -> str:
    """What an answer from a server that doesn't tell what it saw comes to."""
    failed = (outcome.status or 0) >= 400 or outcome.grpc_status not in (None, 0)
    return str(outcome) if failed else UNKNOWN


class Ingress(Answered):
    """Every answer through this gateway's Service is like this; keys as those of `response`, and who answers.

    The gateway is dialled on the port of the URL, whose host is the Host header and TLS's server name. With
    `closed` no connection comes about, which counts only beside `control`, a URL that the gateway answers.
    """

    kind: ClassVar[str] = "ingress"

    to: WebUrl
    through: WorkloadName
    backend: WorkloadName | None = None
    closed: bool = False
    control_: WebUrl | None = Field(default=None, alias="control")

    def faults(self) -> Iterator[str]:
        if not self.closed:
            yield from super().faults()
        elif self.says:
            yield f"{', '.join(sorted(self.says))} beside closed: there is no answer"
        elif self.control_ is None:
            yield "closed needs a control: a URL that the gateway answers"

    def title(self) -> str:
        what = "closed" if self.closed else self.method
        return f"ingress {what} {self.to} through {self.through}"

    def references(self) -> Iterator[Reference]:
        return iter(())  # `through` is a Service

    def request(self, ground: Ground) -> Request:
        return Request(HOST, self.to, self.method, tuple(self.headers.items()), through=self.through)

    @property
    def says(self) -> set[str]:
        return super().says | (self.model_fields_set & {"backend"})

    def problems(self, outcome: Outcome) -> Iterator[str]:
        yield from super().problems(outcome)
        if self.backend is not None and outcome.backend != self.backend:
            yield UNKNOWN if outcome.backend is None else f"answered by {outcome.backend}"

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
