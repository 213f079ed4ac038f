"""`response`: what the answer says."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from harness.expectations.base import UNKNOWN, Probing
from harness.expectations.checks import AS_EXPECTED, Checking
from harness.expectations.values import Text, json_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.traffic.outcomes import Outcome


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

    @model_validator(mode="after")
    def _meant(self) -> Self:
        self.check()
        return self

    def check(self) -> None:
        """Raises ValueError if it says nothing, or contradicts itself."""
        if not self.says:
            raise ValueError("say what the response must have: status, grpc_status, header, body or json")

    def problems(self, outcome: Outcome) -> Iterator[str]:
        if self.status is not None and outcome.status != self.status:
            yield f"status {outcome}"
        if self.grpc_status is not None and outcome.grpc_status != self.grpc_status:
            yield f"grpc-status {outcome.grpc_status}"
        for name, match in self.header.items():
            value = outcome.header(name)
            if not match.holds(value):
                yield f"header {name}: {value}" if value is not None else f"no header {name}"
        if self.body is not None and not self.body.holds(outcome.body):
            yield UNKNOWN if outcome.body is None else f"body {outcome.body[:200]!r}"
        for path, match in self.json_.items():
            value = json_value(outcome.body, path)
            if not match.holds(value):
                yield UNKNOWN if value == UNKNOWN else f"{path}: {value}"

    def compared(self, outcome: Outcome) -> str:
        """Whether an answer is as expected: the words of those that aren't differ from pod to pod."""
        found = self.classify(outcome)
        same = outcome.failure is not None or found in (AS_EXPECTED, UNKNOWN)
        return found if same else "otherwise"


class Response(Probing, Answered):
    """What a workload gets answered."""

    kind: ClassVar[str] = "response"
