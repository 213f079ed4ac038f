"""Who calls: one caller for each class that two configurations can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.hosts import exported_to
from harness.api.istio.security import identity
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.selector import selects
from harness.api.node import live
from harness.base import expressions
from harness.base.resources import per_object
from harness.base.vocabulary import PLATFORM, Mesh, Workload
from harness.model import changes
from harness.suggest.candidates import relevant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod
    from harness.suggest.candidates.relevant import Relevant

STRANGERS = "harness-strangers"
"""Begins the namespaces of callers that neither configuration knows: one in the mesh, one outside."""


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


def with_strangers(state: State) -> State:
    """Returns the state with a caller outside the meshes, and one in the mesh that holds most pods."""
    held = [pod.mesh for pod in state.pods if pod.mesh and not pod.gateway]
    mesh = max(Mesh, key=held.count)
    for place in ([mesh] if held else []), []:
        namespace = f"{STRANGERS}-{'meshed' if place else 'unmeshed'}"
        state = changes.apply(changes.place(state, namespace, place), [_stranger(namespace)])
    return state


def _stranger(namespace: str) -> Resource:
    metadata, labels = {"name": "caller", "namespace": namespace}, {"app": "harness-stranger"}
    pod = {"containers": [{"name": "caller", "image": "caller"}]}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return live({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})


def in_both(before: State, after: State) -> tuple[list[Caller], list[Workload]]:
    """Returns the workloads that can call in both states, and those that only one of them has."""
    both = dict.fromkeys(filter(after.pods_of, filter(before.pods_of, before.running)))
    callers = [Caller(workload, before.pods_of(workload)[0], after.pods_of(workload)[0]) for workload in both]
    alone = [workload for workload in {**before.running, **after.running} if workload not in both]
    return [caller for caller in callers if caller.workload.namespace not in PLATFORM], alone


def classes(callers: Iterable[Caller], before: Relevant, after: Relevant) -> list[Caller]:
    """Returns a caller for each class: by mesh, and by all that the relevant objects ask of callers.

    Real workloads come before strangers.
    """
    namespaces = {*_namespaces(before), *_namespaces(after)}
    wanted = [*_labels(before), *_labels(after)]
    patterns = {word: _pattern(word) for word in sorted({*_identities(before), *_identities(after)})}
    first: dict[object, Caller] = {}
    for caller in sorted(callers, key=_is_stranger):
        pod, forms = caller.before, _forms(caller)
        key = (
            caller.before.mesh,
            caller.after.mesh,
            pod.namespace if pod.namespace in namespaces else "",
            tuple(selects(labels, pod.labels) for labels in wanted),
            tuple(word for word, pattern in patterns.items() if _fits(pattern, forms)),
        )
        first.setdefault(key, caller)
    return list(first.values())


def _is_stranger(caller: Caller) -> bool:
    return caller.workload.namespace.startswith(STRANGERS)


def _namespaces(part: Relevant) -> Iterator[str]:
    """Namespaces whose callers are treated apart: they are named, or hold objects beside the Service's."""
    for resource in part.objects:
        if resource.namespace != part.service.namespace:
            yield resource.namespace  # what stands beside the Service is for all of its clients
        yield from (resource.namespace if name == "." else name for name in exported_to(resource))
        yield from (namespace for namespace, _ in _sources(resource) if namespace)
    yield from part.scoped


def _labels(part: Relevant) -> Iterator[Mapping[str, str]]:
    for resource in part.objects:
        yield from (labels for _, labels in _sources(resource) if labels)
        if resource.kind == "DestinationRule":
            yield DestinationRule.of(resource).selector or {}
    yield from part.scoped_labels


@per_object
def _sources(resource: Resource) -> tuple[tuple[str, Mapping[str, str]], ...]:
    """Namespace and labels of the callers that a VirtualService's matches are for; empty: of any."""
    rules = VirtualService.of(resource).rules if resource.kind == "VirtualService" else ()
    return tuple((match.source_namespace, match.source_labels) for rule in rules for match in rule.matches)


def _identities(part: Relevant) -> Iterator[str]:
    """What policies ask of a caller's identity: patterns of principals, namespaces, accounts."""
    for resource in part.objects:
        yield from relevant.identities(resource, part.trust_domain, part.domains)


def _pattern(word: str) -> str:
    """The expression for a pattern of an identity: `*` at either end."""
    return ".*".join(map(expressions.quoted, word.split("*")))


def _forms(caller: Caller) -> set[str]:
    """A caller's identity in all forms that patterns take."""
    return {
        form
        for pod in (caller.before, caller.after)
        for form in (
            *map(identity.principal, pod.identities.values()),
            pod.namespace,
            f"{pod.namespace}/{pod.service_account}",
        )
    }


def _fits(pattern: str, forms: Iterable[str]) -> bool:
    return any(expressions.matches(pattern, form) for form in forms)
