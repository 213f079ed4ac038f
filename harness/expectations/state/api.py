"""`refused_by_api`: an object that the API server or a webhook won't take."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.expectations.base import Expectation, Ground, Reference
from harness.expectations.values import Text
from harness.expectations.verdict import Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource


class RefusedByApi(Expectation):
    """The config's `object` (`Kind namespace/name`; any if absent) is refused, with this message.

    Tried as a dry run on the server: nothing is applied.
    """

    kind: ClassVar[str] = "refused_by_api"

    config: str
    object_: str | None = Field(default=None, alias="object")
    message: Text | None = None

    def title(self) -> str:
        return f"refused by the API: {self.object_ or self.config}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("config",), config=self.config)
        if self.object_ is not None:
            yield Reference(("object",), object_of=(self.config, self.object_))

    def judge(self, ground: Ground) -> Verdict:
        words = {str(one): ground.provider.refusal(one) for one in self._objects(ground)}
        refused = {name: said for name, said in words.items() if said is not None}
        fits = any(self.message is None or self.message.holds(said) for said in refused.values())
        return Verdict(
            result=Result.PASS if fits else Result.FAIL,
            basis=ground.provider.basis,
            expected="refused" + (f": {self.message}" if self.message else ""),
            seen="; ".join(f"{name}: {said}" for name, said in refused.items())
            or f"accepted: {', '.join(words)}",
        )

    def _objects(self, ground: Ground) -> tuple[Resource, ...]:
        config = ground.configs[self.config]
        return tuple(one for one in config if self.object_ in (None, str(one)))
