"""Who calls: the workloads that both configurations have, grouped by what was asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.analysis.explore.client import ANNOTATIONS, LABELS, values_of
from harness.analysis.explore.sources import Roster
from harness.analysis.explore.strangers import STRANGERS, moved, named_places
from harness.base.errors import NotModelledError
from harness.base.explored import CALLER
from harness.base.matching import TextMatch
from harness.base.vocabulary import PLATFORM
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from harness.analysis.explore.renaming import Renaming
    from harness.base.explored import Asked
    from harness.base.vocabulary import Workload
    from harness.model import State
    from harness.model.state import Pod


@dataclass(frozen=True)
class Caller:
    """A workload as it is before and after."""

    workload: Workload
    before: Pod
    after: Pod

    @property
    def meshed(self) -> bool:
        """Whether a proxy sends its requests, before or after."""
        return bool(self.before.mesh or self.after.mesh)

    def __str__(self) -> str:
        was, now = (f"in {pod.mesh}" if pod.mesh else "without a proxy" for pod in (self.before, self.after))
        return f"{self.workload} ({was})" if was == now else f"{self.workload} ({was}, then {now})"


def in_both(before: State, after: State) -> tuple[list[Caller], list[Workload]]:
    """Returns the workloads that can call in both states, and those that only one of them has."""
    both = dict.fromkeys(filter(after.pods_of, filter(before.pods_of, before.running)))
    callers = [Caller(workload, before.pods_of(workload)[0], after.pods_of(workload)[0]) for workload in both]
    alone = [
        workload
        for workload in {**before.running, **after.running}
        if workload not in both and not workload.namespace.startswith(STRANGERS)
    ]
    callers = [caller for caller in callers if not (caller.before.gateway or caller.after.gateway)]
    kept = [caller for caller in callers if caller.workload.namespace not in PLATFORM]
    return sorted(kept, key=lambda caller: caller.workload.namespace.startswith(STRANGERS)), alone


class Side:
    """The callers of one state by their attributes; sets of them are the bits of a number."""

    def __init__(self, pods: Sequence[Pod]) -> None:
        self.everyone = (1 << len(pods)) - 1
        self._by_value: dict[str, dict[object, int]] = {}
        self._plain: dict[str, dict[object, Any]] = {}
        self._known: dict[Asked, int] = {}
        for index, pod in enumerate(pods):
            for attribute, value in values_of(pod).items():
                key = id(value) if attribute in (CALLER, LABELS, ANNOTATIONS) else value
                sets = self._by_value.setdefault(attribute, {})
                sets[key] = sets.get(key, 0) | 1 << index
                self._plain.setdefault(attribute, {})[key] = value

    def answering(self, questions: Iterable[Asked]) -> int:
        """Returns those who give these answers."""
        those = self.everyone
        for question in questions:
            if question.attribute in self._by_value:
                those &= self._answering(question)
        return those

    def _answering(self, question: Asked) -> int:
        if question in self._known:
            return self._known[question]
        sets, test = self._by_value[question.attribute], question.test
        if (
            isinstance(test, TextMatch)
            and test.kind == "exact"
            and not question.changes
            and not test.ignore_case
        ):
            those = sets.get(test.value, 0)
            those = those if question.answer else self.everyone & ~those
        else:
            plain = self._plain[question.attribute]
            those = sum(members for key, members in sets.items() if _holds(question, plain[key]))
        self._known[question] = those
        return those


def _holds(question: Asked, value: object) -> bool:
    try:
        return question.holds(value)
    except NotModelledError:  # then it is a class of its own
        return False


class Callers:
    """The callers of both configurations, in groups whose proxies are set up alike."""

    def __init__(self, before: State, after: State) -> None:
        everyone, self.alone = in_both(before, after)
        self.is_moved = any(caller.before.mesh is not caller.after.mesh for caller in everyone)
        self._by_workload = {caller.workload: caller for caller in everyone}
        by_setup = grouped(((_setup(caller.before), _setup(caller.after)), caller) for caller in everyone)
        self.groups = [Group(members) for members in by_setup.values()]

    def renamed(self, caller: Caller, renaming: Renaming) -> Caller:
        """Returns the caller that another is where names are exchanged."""
        workload = renaming.of(caller.workload)
        if workload in self._by_workload:
            return self._by_workload[workload]
        before, after = (
            replace(
                pod,
                workload=renaming.of(pod.workload),
                service_account=renaming.of(pod.service_account),
                identities={mesh: renaming.of(identity) for mesh, identity in pod.identities.items()},
            )
            for pod in (caller.before, caller.after)
        )
        return Caller(workload, before, after)


class Group:
    """Callers that differ by nothing but what can be asked of them."""

    def __init__(self, members: list[Caller]) -> None:
        self.members = members
        self.roster = Roster(tuple(str(caller.workload) for caller in members))
        self.before = Side([caller.before for caller in members])
        self.after = Side([caller.after for caller in members])

    def alike(self, before: Iterable[Asked], after: Iterable[Asked]) -> int:
        """Returns those who give these answers, before and after."""
        return self.before.answering(before) & self.after.answering(after)

    def named(self, those: int) -> Iterator[Caller]:
        """Yields the callers of a set."""
        while those:
            lowest = those & -those
            yield self.members[lowest.bit_length() - 1]
            those ^= lowest

    def near(self, namespace: str, servers: Container[Workload]) -> tuple[int, int]:
        """Returns those in a namespace without those who serve, and with them."""
        home = self._by_namespace.get(namespace, ())
        bits = [(1 << at, self.members[at].workload in servers) for at in home]
        return sum(bit for bit, serves in bits if not serves), sum(bit for bit, _ in bits)

    @cached_property
    def _by_namespace(self) -> dict[str, list[int]]:
        return grouped((caller.workload.namespace, at) for at, caller in enumerate(self.members))

    def strangers(self, questions: Iterable[Asked]) -> Iterator[Caller]:
        """Yields clients that questions name by namespace or identity, and that nobody of these is."""
        stranger = self.members[-1]
        if not stranger.workload.namespace.startswith(STRANGERS):
            return
        for namespace, account in named_places(questions):
            known = (namespace, account or "default") in self._places
            if not known and (account or namespace not in self._by_namespace):
                before, after = (moved(pod, namespace, account) for pod in (stranger.before, stranger.after))
                yield Caller(before.workload, before, after)

    @cached_property
    def _places(self) -> set[tuple[str, str]]:
        """The namespaces and service accounts that there are."""
        return {(each.workload.namespace, each.before.service_account) for each in self.members}

    @cached_property
    def everyone(self) -> int:
        """The set of all."""
        return self.before.everyone


def _setup(pod: Pod) -> object:
    """What a pod's proxy is told by its pod, and what can't be asked."""
    proxies = tuple(map(str, pod.proxies)), pod.gateway, tuple(pod.identities)
    return proxies, pod.host_network, str(pod.resolver), pod.ready, pod.tunnel
