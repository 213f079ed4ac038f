"""What becomes of the kubelet's probes: a question for each workload that has some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.suggest.question import Entry, Origin, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.vocabulary import Workload
    from harness.suggest.estate import Estate
    from harness.suggest.stages import Reached


@dataclass(frozen=True)
class Probes:
    """The probes of a workload, and where it comes from that they are asked."""

    workload: Workload
    origins: tuple[Origin, ...]

    topic = Topic.PROBE

    @property
    def title(self) -> str:
        """The words for it."""
        return f"probes of {self.workload}"

    def entry(self, stage: Reached) -> Entry:
        """Returns the expectation of what becomes of them in a stage."""
        failing = [probe.probe for probe in stage.provider.probes(self.workload) if not probe.passes]
        if failing:
            kinds = sorted({name.rpartition(" ")[2] for name in failing})
            return Entry(
                f"{self.workload}'s {', '.join(kinds)} fails",
                "ready",
                {"workload": str(self.workload), "fails": kinds},
                outage=True,
            )
        return Entry(f"{self.workload} is ready", "ready", {"workload": str(self.workload)})


def probed(estate: Estate) -> Iterator[Probes]:
    """Yields the workloads that have probes."""
    for workload in estate.own:
        pod = estate.pod(workload)
        if any(container.probes for container in pod.containers):
            yield Probes(workload, ())
