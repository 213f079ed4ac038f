"""`grpc`: the status that a gRPC call ends with."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator

from harness.base.errors import did_you_mean
from harness.base.grpc import STATUSES
from harness.expectations.base import UNKNOWN, Ground, Probing, Url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.outcomes import Outcome


def _call(url: str) -> str:
    if not url.startswith("grpc://"):
        raise ValueError(f"{url!r} isn't a gRPC call: write grpc://host[:port]/Service/Method")
    return url


def _status(value: object) -> object:
    name = STATUSES[value] if isinstance(value, int) and 0 <= value < len(STATUSES) else value
    if name not in STATUSES:
        raise ValueError(f"{value!r} isn't a gRPC status; {did_you_mean(str(value), STATUSES)}")
    return name


class Grpc(Probing):
    """Every call ends with this status, a name (`UNAVAILABLE`) or a number."""

    kind: ClassVar[str] = "grpc"

    to: Annotated[Url, AfterValidator(_call)]
    status: Annotated[str, BeforeValidator(_status, json_schema_input_type=str | int)]

    def title(self) -> str:
        return f"grpc {self.status} from {self.source} to {self.to}"

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {self.status: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        if outcome.grpc_status is None:
            return f"no gRPC status: {outcome}"
        known = outcome.grpc_status < len(STATUSES)
        return STATUSES[outcome.grpc_status] if known else f"status {outcome.grpc_status}"
