"""`split`: requests are shared between backends by these weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.api.kubernetes.workload import workloads
from harness.base.vocabulary import Workload
from harness.expectations.base import Ground, Probing, Reference
from harness.expectations.values import Strict, json_value
from harness.expectations.verdict import UNKNOWN
from harness.traffic.statistics import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from fractions import Fraction

    from harness.traffic.outcomes import Outcome


class By(Strict):
    """What in an answer tells its share: a header's value, or a value in its JSON body."""

    header: str | None = None
    json_: str | None = Field(default=None, alias="json")

    @model_validator(mode="after")
    def _one(self) -> By:
        if (self.header is None) is (self.json_ is None):
            raise ValueError("by says one of header and json")
        return self


def _positive(weights: dict[str, float]) -> dict[str, float]:
    normalised(weights)
    return weights


class Split(Probing):
    """Requests are shared by `weights`.

    The weights' keys are workloads (`name`, or `namespace/name` where the name alone isn't
    unique), HTTP statuses, or values of what `by` names. What has no weight must get nothing.
    """

    kind: ClassVar[str] = "split"

    weights: Annotated[dict[str, int | float], Field(min_length=1), AfterValidator(_positive)]
    by: By | Literal["workload", "status"] = "workload"

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        if self.by == "workload":
            for key in self.weights:
                workload = Workload.parse(key) if "/" in key else Workload("", key)
                yield Reference(("weights", key), workload=workload)

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        shares = normalised(self.weights)
        if self.by != "workload":
            return shares
        by_name = {workload.name: str(workload) for workload in workloads(ground.apps)}
        return {by_name.get(key, key): share for key, share in shares.items()}

    def class_of(self, outcome: Outcome) -> str:
        if outcome.failure is None and self.by == "status":
            return str(outcome.status)
        if outcome.failure is not None or (outcome.status or 0) >= 400 or outcome.grpc_status:
            return str(outcome)
        if not isinstance(self.by, By):
            return str(outcome.backend) if outcome.backend else UNKNOWN
        if self.by.header:
            return outcome.header(self.by.header) or f"no header {self.by.header}"
        return json_value(outcome.body, self.by.json_ or "")
