"""`rewrite`: the path and host with which a request reaches the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from harness.expectations.base import UNKNOWN, Probing
from harness.expectations.checks import Checking, unseen
from harness.expectations.values import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.traffic.outcomes import Outcome


class Rewrite(Probing, Checking):
    """The server sees this path (without query), this Host header; it must tell, as an echo does."""

    kind: ClassVar[str] = "rewrite"

    path: Text | None = None
    host: Text | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.path is None and self.host is None:
            raise ValueError("say what the server must see: path, host or both")
        return self

    def problems(self, outcome: Outcome) -> Iterator[str]:
        if outcome.server_saw is None:
            yield unseen(outcome)
            return
        path, host = outcome.server_saw.path.partition("?")[0], outcome.server_saw.host
        for name, wanted, seen in (("path", self.path, path), ("host", self.host, host)):
            if wanted is not None and not seen:
                yield UNKNOWN
            elif wanted is not None and not wanted.holds(seen):
                yield f"{name} {seen}"
