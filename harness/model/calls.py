"""Who calls whom, as far as the workloads' own configuration tells, and whom a restart so concerns."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import template_of
from harness.base.vocabulary import CLUSTER_DOMAIN, Workload
from harness.model.network.services import addresses
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.model.state import State
    from harness.traffic.outcomes import Outcomes

_WORD = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)?(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?P<port>:\d+)?"
)
_ADDRESS = re.compile(r"(?:HOST|ADDR|ADDRESS|SERVICE|SVC|URL|URI|ENDPOINT|SERVER|UPSTREAM|BACKEND|TARGET)S?$")


@dataclass(frozen=True)
class Call:
    """A workload that is told to call a Service: by which part of its pod template."""

    caller: Workload
    service: Resource
    workload: Resource
    field: str


@per_state
def calls(state: State) -> tuple[Call, ...]:
    """Returns the calls that environments, commands and arguments of containers speak of.

    A name counts that is a Service's: as a URL's or with a port, by its namespace too, or alone as the
    value of a variable that is named as an address (`COLOR_SERVICE`). What programs are told by files
    or by other programs isn't seen.
    """
    by_pair: dict[tuple[Workload, tuple[str, str, str, str]], Call] = {}
    for resource in state.workloads:
        caller = Workload(resource.namespace, resource.name)
        for field, text, address in _texts(resource):
            for service in _services(state, text, caller.namespace, address=address):
                by_pair.setdefault((caller, service.key), Call(caller, service, resource, field))
    return tuple(by_pair.values())


def _texts(resource: Resource) -> Iterator[tuple[str, str, bool]]:
    """The texts in which a pod template may name others, and whether a bare name is an address there."""
    for container in template_of(resource).spec.containers:
        for variable in container.env:
            named = _ADDRESS.search(variable.name.upper()) is not None
            yield variable.at("value"), variable.value, named
        for part, words in (("command", container.command), ("args", container.args)):
            for index, text in enumerate(words):
                yield f"{container.at(part)}[{index}]", text, False


def _services(state: State, text: str, namespace: str, *, address: bool) -> Iterator[Resource]:
    for word in _WORD.finditer(text):
        alone = address and word.group() == text.strip()
        name, _, rest = word["host"].partition(".")
        owner, _, domain = rest.partition(".")
        if domain not in ("", "svc", f"svc.{CLUSTER_DOMAIN}") or not (
            owner or word["scheme"] or word["port"] or alone
        ):
            continue
        service = state.get("", "Service", owner or namespace, name)
        if service is not None:
            yield service


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
