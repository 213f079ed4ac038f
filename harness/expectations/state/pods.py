"""`ready`, `injected`, `double_injected`: a workload's pods, their probes and proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from harness.expectations.base import Expectation, settled
from harness.expectations.values import MeshName, MeshNameOrNone, WorkloadName
from harness.expectations.verdict import Explanation, Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base import Workload
    from harness.expectations.base import Ground
    from harness.traffic.observables import Pod, Probed

ProbeName = Literal["livenessProbe", "readinessProbe", "startupProbe"]


class Injected(Expectation):
    """Every pod has exactly one proxy, this mesh's; or none.

    `form` says how the proxy runs, where that matters; `skipped` names a mesh that was asked
    to inject too and must be seen to have declined.
    """

    kind: ClassVar[str] = "injected"

    workload: WorkloadName
    mesh: MeshNameOrNone
    form: Literal["native-sidecar", "container"] | None = None
    skipped: MeshName | None = None

    def faults(self) -> Iterator[str]:
        if self.mesh is None and self.form:
            yield "form says how a proxy runs, and mesh: none says that there is none"

    def title(self) -> str:
        return f"injected {self._proxy} into {self.workload}"

    @property
    def _proxy(self) -> str:
        return self.mesh.proxy if self.mesh else "no proxy"

    def judge(self, ground: Ground) -> Verdict:
        pods = ground.provider.pods(self.workload)
        right = bool(pods) and all(self._right(pod) for pod in pods)
        wanted = self._proxy
        if self.form:
            wanted += f" ({self.form.replace('-', ' ')})"
        if self.skipped:
            wanted += f", {self.skipped} declined"
        return Verdict(
            result=Result.PASS if right else Result.FAIL if pods else Result.INCONCLUSIVE,
            basis=ground.provider.basis,
            expected=wanted,
            seen="; ".join(_described(pod) for pod in pods) or "no running pod",
        )

    def _right(self, pod: Pod) -> bool:
        if self.skipped and self.skipped not in (mesh for mesh, _ in pod.skipped):
            return False
        if self.mesh is None:
            return not pod.proxies
        if [proxy.mesh for proxy in pod.proxies] != [self.mesh]:
            return False
        return self.form is None or pod.proxies[0].native is (self.form == "native-sidecar")


def _described(pod: Pod) -> str:
    proxies = ", ".join(str(proxy) for proxy in pod.proxies) or "no proxy"
    skipped = "".join(f", {mesh} declined ({message})" for mesh, message in pod.skipped)
    return f"{pod.name}: {proxies}{skipped}"


class DoubleInjected(Expectation):
    """A pod of the workload has both meshes' proxies, and each such pod shows the symptom: it is never ready.

    Seen on a cluster it must stay so for the time to settle. The stage doesn't wait for this workload.
    """

    kind: ClassVar[str] = "double_injected"

    workload: WorkloadName

    def title(self) -> str:
        return f"{self.workload} is injected twice"

    def unready(self) -> Iterator[Workload]:
        yield self.workload

    def judge(self, ground: Ground) -> Verdict:
        provider = ground.provider
        seconds = ground.confidence.settle if provider.basis is Basis.OBSERVED else 0.0
        pods = settled(lambda: provider.pods(self.workload), lambda pods: not _stuck(pods), seconds, 1.0)
        return Verdict(
            result=Result.PASS if _stuck(pods) else Result.FAIL if pods else Result.INCONCLUSIVE,
            basis=provider.basis,
            expected="both proxies in a pod, which is never ready",
            seen="; ".join(map(_unready, pods)) or "no pod",
        )


def _stuck(pods: tuple[Pod, ...]) -> bool:
    """Whether some pod has both proxies, and none of those that have is ready."""
    both = [pod for pod in pods if len(pod.proxies) > 1]
    return bool(both) and all(pod.trouble for pod in both)


def _unready(pod: Pod) -> str:
    proxies = " and ".join(map(str, pod.proxies)) or "no proxy"
    return f"{pod.name}: {proxies}, {pod.trouble or 'ready'}"


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
