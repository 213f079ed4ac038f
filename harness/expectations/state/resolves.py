"""`resolves`: what a name leads to in a workload's pod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from harness.base import HarnessError, Workload
from harness.expectations.base import Expectation, Reference, controlled, settled
from harness.expectations.values import WorkloadName, text_as
from harness.expectations.verdict import NOT_PREDICTED, Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.expectations.base import Ground
    from harness.traffic.observables import Resolution

NOTHING, OUTSIDE = "nothing", "outside"

_ALWAYS_THERE = "kubernetes.default.svc"


def _name(value: str) -> str:
    if "/" in value or ":" in value or not value.strip("."):
        raise ValueError(f"{value!r} isn't a name to resolve: write a host's name, without scheme and port")
    return value


class Resolves(Expectation):
    """In a workload's pod a name leads to a Service (`namespace/name`), to a place outside, or to nothing."""

    kind: ClassVar[str] = "resolves"

    source: WorkloadName = Field(alias="from")
    name: Annotated[str, AfterValidator(_name)]
    to: Annotated[
        Workload | Literal["nothing", "outside"],
        text_as(lambda text: text if text in (NOTHING, OUTSIDE) else Workload.parse(text)),
    ]

    def title(self) -> str:
        return f"resolves {self.name} from {self.source} to {self.to}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("from",), workload=self.source)

    def judge(self, ground: Ground) -> Verdict:
        resolution = self._settled(ground)
        wanted = _words(self.to)
        verdict = Verdict(
            result=Result.PASS if _label(resolution) == wanted else Result.FAIL,
            basis=ground.provider.basis,
            expected=wanted,
            seen=_label(resolution)
            + (f" ({', '.join(resolution.addresses)})" if resolution.addresses else ""),
            evidence=resolution.evidence,
            predicted=self._predicted(ground),
        )
        return controlled(verdict, ground, self._control)

    def _settled(self, ground: Ground) -> Resolution:
        """What it leads to; on a cluster asked for again for some time, since resolvers remember."""
        observed = ground.provider.basis is Basis.OBSERVED
        return settled(
            lambda: ground.provider.resolve(self.source, self.name),
            lambda resolution: _label(resolution) == _words(self.to),
            ground.confidence.settle if observed else 0,
            1.0,
        )

    def _control(self, ground: Ground) -> Iterable[str]:
        if self.to != NOTHING or ground.provider.basis is Basis.PREDICTED:
            return
        resolution = ground.provider.resolve(self.source, _ALWAYS_THERE)
        if resolution.service is None:
            raise HarnessError(
                f"{_ALWAYS_THERE} doesn't resolve either", why="the pod can't ask the cluster's DNS"
            )
        yield f"{_ALWAYS_THERE} leads to {', '.join(resolution.addresses)}"

    def _predicted(self, ground: Ground) -> str:
        if ground.shadow is None:
            return ""
        try:
            return _label(ground.shadow.resolve(self.source, self.name))
        except HarnessError as error:
            return NOT_PREDICTED + error.what


def _label(resolution: Resolution) -> str:
    if resolution.service is not None:
        return _words(resolution.service)
    return (
        OUTSIDE if resolution.outside else NOTHING if not resolution.addresses else "addresses of no Service"
    )


def _words(target: Workload | str) -> str:
    return f"Service {target}" if isinstance(target, Workload) else target
