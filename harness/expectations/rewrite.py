"""`rewrite`: the path and host with which a request reaches the server."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from harness.expectations.base import UNKNOWN, Ground, Probing
from harness.expectations.values import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.traffic.outcomes import Outcome

REWRITTEN = "rewritten"


class Rewrite(Probing):
    """The server sees this path (without query), this Host header; it must tell, as an echo does."""

    kind: ClassVar[str] = "rewrite"

    path: Text | None = None
    host: Text | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.path is None and self.host is None:
            raise ValueError("say what the server must see: path, host or both")
        return self

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        return {REWRITTEN: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        if outcome.external:
            return UNKNOWN
        if outcome.server_saw is None:
            answered = outcome.failure is None and (outcome.status or 0) < 400
            return UNKNOWN if answered else str(outcome)
        return ", ".join(self._wrong(outcome.server_saw.path, outcome.server_saw.host)) or REWRITTEN

    def _wrong(self, path: str, host: str) -> Iterator[str]:
        for name, wanted, seen in (("path", self.path, path.partition("?")[0]), ("host", self.host, host)):
            if wanted is not None and not seen:
                yield UNKNOWN
            elif wanted is not None and not wanted.holds(seen):
                yield f"{name} {seen}"
