"""`double_injected`: a workload got both meshes' proxies, and so never gets ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import tenacity

from harness.expectations.base import Expectation, Ground, Reference, WorkloadName
from harness.expectations.verdict import Result, Verdict
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.vocabulary import Workload
    from harness.traffic.observables import Pod


class DoubleInjected(Expectation):
    """A pod of the workload has both meshes' proxies, and each such pod shows the symptom: it is never ready.

    Seen on a cluster it must stay so for the time to settle. The stage doesn't wait for this workload.
    """

    kind: ClassVar[str] = "double_injected"

    workload: WorkloadName

    def title(self) -> str:
        return f"{self.workload} is injected twice"

    def references(self) -> Iterator[Reference]:
        yield Reference(("workload",), workload=self.workload)

    def unready(self) -> Iterator[Workload]:
        yield self.workload

    def judge(self, ground: Ground) -> Verdict:
        provider = ground.provider
        watch = tenacity.Retrying(
            stop=tenacity.stop_after_delay(
                ground.confidence.settle if provider.basis is Basis.OBSERVED else 0.0
            ),
            wait=tenacity.wait_fixed(1.0),
            retry=tenacity.retry_if_result(_stuck),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else (),
        )
        pods: tuple[Pod, ...] = watch(provider.pods, self.workload)
        return Verdict(
            result=Result.PASS if _stuck(pods) else Result.FAIL if pods else Result.INCONCLUSIVE,
            basis=provider.basis,
            expected="both proxies in a pod, which is never ready",
            seen="; ".join(map(_described, pods)) or "no pod",
        )


def _stuck(pods: tuple[Pod, ...]) -> bool:
    """Whether some pod has both proxies, and none of those that have is ready."""
    both = [pod for pod in pods if len(pod.proxies) > 1]
    return bool(both) and all(pod.trouble for pod in both)


def _described(pod: Pod) -> str:
    proxies = " and ".join(map(str, pod.proxies)) or "no proxy"
    return f"{pod.name}: {proxies}, {pod.trouble or 'ready'}"
