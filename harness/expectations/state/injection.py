"""`injected`: which proxy a workload's pods have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from harness.expectations.base import Expectation, Ground, MeshName, MeshNameOrNone, Reference, WorkloadName
from harness.expectations.verdict import Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.traffic.observables import Pod


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

    @model_validator(mode="after")
    def _consistent(self) -> Injected:
        if self.mesh is None and self.form:
            raise ValueError("form says how a proxy runs, and mesh: none says that there is none")
        return self

    def title(self) -> str:
        proxy = self.mesh.proxy if self.mesh else "no proxy"
        return f"injected {proxy} into {self.workload}"

    def references(self) -> Iterator[Reference]:
        yield Reference(("workload",), workload=self.workload)

    def judge(self, ground: Ground) -> Verdict:
        pods = ground.provider.pods(self.workload)
        right = bool(pods) and all(self._right(pod) for pod in pods)
        wanted = self.mesh.proxy if self.mesh else "no proxy"
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
