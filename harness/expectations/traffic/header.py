"""`header`: what becomes of headers on the way to the server, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from harness.expectations.base import Probing
from harness.expectations.checks import Checking, unseen
from harness.expectations.values import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.traffic.outcomes import Outcome


class Header(Probing, Checking):
    """The server sees these headers of the request, and the client those of the response.

    For what the server sees it must tell, as an echo does.
    """

    kind: ClassVar[str] = "header"

    request_: dict[str, Text] = Field(default_factory=dict, alias="request")
    response: dict[str, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.request_ and not self.response:
            raise ValueError("say which headers: of the request, of the response, or both")
        return self

    def problems(self, outcome: Outcome) -> Iterator[str]:
        yield from _wrong("response", self.response, outcome.header)
        if self.request_ and outcome.server_saw is None:
            yield unseen(outcome)
        elif outcome.server_saw is not None:
            yield from _wrong("request", self.request_, outcome.server_saw.header)


def _wrong(of: str, wanted: dict[str, Text], value_of: Callable[[str], str | None]) -> Iterator[str]:
    for name, match in wanted.items():
        value = value_of(name)
        if not match.holds(value):
            yield f"{of} header {name}: {value}" if value is not None else f"no {of} header {name}"
