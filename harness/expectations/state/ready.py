"""`ready`: the kubelet's probes of a workload pass, whatever policies say."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.expectations.base import Expectation
from harness.expectations.values import WorkloadName
from harness.expectations.verdict import Explanation, Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.vocabulary import Workload
    from harness.expectations.base import Ground
    from harness.traffic.observables import Probed

ProbeName = Literal["livenessProbe", "readinessProbe", "startupProbe"]


class Ready(Expectation):
    """Each probe that the workload's containers declare is asked, and passes, in every pod.

    Those that `fails` names are refused, instead, though the application would answer them. A workload
    that declares no probe proves nothing.
    """

    kind: ClassVar[str] = "ready"

    workload: WorkloadName
    fails: list[ProbeName] = Field(default_factory=list)

    def title(self) -> str:
        return (
            f"{', '.join(self.fails)} of {self.workload} fails" if self.fails else f"{self.workload} is ready"
        )

    def unready(self) -> Iterator[Workload]:
        if self.fails:
            yield self.workload

    def judge(self, ground: Ground) -> Verdict:
        probes = ground.provider.probes(self.workload)
        evidence = [f"control: {probe.control}" for probe in probes if not probe.passes and probe.control]
        return Verdict(
            result=self._result(probes),
            basis=ground.provider.basis,
            expected="every probe passes" + (f", but {', '.join(self.fails)} fails" if self.fails else ""),
            seen="; ".join(dict.fromkeys(map(_words, probes)))
            or "no probe is declared, which proves nothing",
            evidence=tuple(dict.fromkeys(evidence)),
            explanations=tuple(Explanation(_words(probe), probe.trace) for probe in probes if probe.trace),
        )

    def _result(self, probes: tuple[Probed, ...]) -> Result:
        declared = {_field(probe) for probe in probes}
        if not probes:
            return Result.INCONCLUSIVE
        if not declared.issuperset(self.fails) or any(probe.passes is self._fails(probe) for probe in probes):
            return Result.FAIL
        shown = all(probe.control for probe in probes if self._fails(probe))
        return Result.PASS if shown else Result.INCONCLUSIVE

    def _fails(self, probed: Probed) -> bool:
        return _field(probed) in self.fails


def _field(probed: Probed) -> str:
    return probed.probe.rpartition(" ")[2]


def _words(probed: Probed) -> str:
    return f"{probed.probe} {'passes' if probed.passes else 'fails'}: {probed.evidence}"
