"""What a step goes through while it restarts workloads: old pods and new ones at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model.calls import calls
from harness.model.network.services import addresses
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.vocabulary import Workload
    from harness.model.state import State
    from harness.traffic.outcomes import Outcomes


def mixtures(
    before: State, after: State, client: Workload, answers: Iterable[Outcomes]
) -> Iterator[tuple[Workload, State]]:
    """Yields the states between two in which one workload still runs its old pods, and all others new ones.

    A rolling restart ends a workload's old pods when its new ones are ready, and tells workloads nothing of
    each other [Kubernetes: Deployments, strategy RollingUpdate]. Only workloads count that have to do
    with the client's requests: itself, those that `answers` come from, and those that these call.
    """
    for workload in sorted(_concerned(after, client, answers)):
        old, new = before.pods_of(workload), after.pods_of(workload)
        if old and new and old != new:
            yield workload, replace(after, running={**after.running, workload: old})


def _concerned(state: State, client: Workload, answers: Iterable[Outcomes]) -> set[Workload]:
    backends = {group.outcome.backend for outcomes in answers for group in outcomes.groups}
    left = [backend for backend in backends if backend]
    callees = grouped(
        (call.caller, pod.workload)
        for call in (calls(state) if left else ())
        for pod in addresses(state, call.service)
    )
    concerned: set[Workload] = set()
    while left:
        workload = left.pop()
        if workload not in concerned:
            concerned.add(workload)
            left += callees.get(workload, [])
    return concerned | {client}
