"""Traps in what selects workloads: several objects for the same ones, and those that select none.

Which kinds select, and by which field, is one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.pods import by_labels
from harness.api.istio.destination_rule import KIND as DESTINATION_RULE
from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.envoy_filter import EnvoyFilter
from harness.api.istio.mesh_config import Telemetry
from harness.api.istio.registry import GROUP as NETWORKING
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.api.istio.security.authentication import GROUP as SECURITY
from harness.api.istio.security.authentication import PolicySpec
from harness.api.linkerd import GROUP as LINKERD
from harness.api.linkerd.policy import LinkerdServer
from harness.api.marks import GATEWAY_NAME
from harness.base.listing import some
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.state.tables import LabelTable, grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod


class Selecting(NamedTuple):
    """A kind that selects workloads: by which field, which labels, and whether one object alone may do so.

    `rooted` tells that objects in the root namespace are for all namespaces.
    """

    kind: tuple[str, str]
    field: str
    labels: Callable[[Resource], Mapping[str, str]]
    alone: bool = False
    rooted: bool = True


def _policy(resource: Resource) -> Mapping[str, str]:
    return PolicySpec.kept(resource).labels


def _sidecar(resource: Resource) -> Mapping[str, str]:
    return Sidecar.kept(resource).selector


def _clients(resource: Resource) -> Mapping[str, str]:
    return DestinationRule.kept(resource).selector or {}


def _entry(resource: Resource) -> Mapping[str, str]:
    return ServiceEntry.kept(resource).selector


def _filter(resource: Resource) -> Mapping[str, str]:
    return EnvoyFilter.kept(resource).labels


def _server(resource: Resource) -> Mapping[str, str]:
    return LinkerdServer.kept(resource).pod_selector.match_labels


KINDS = (
    Selecting((SECURITY, "AuthorizationPolicy"), "spec.selector", _policy),
    Selecting((SECURITY, "PeerAuthentication"), "spec.selector", _policy),
    Selecting((SECURITY, "RequestAuthentication"), "spec.selector", _policy),
    Selecting(("extensions.istio.io", "WasmPlugin"), "spec.selector", _policy),
    Selecting(Telemetry.KIND, "spec.selector", _policy, alone=True),
    Selecting(Sidecar.KIND, "spec.workloadSelector", _sidecar, alone=True, rooted=False),
    Selecting(DESTINATION_RULE, "spec.workloadSelector", _clients, rooted=False),
    Selecting((NETWORKING, "ServiceEntry"), "spec.workloadSelector", _entry, rooted=False),
    Selecting(EnvoyFilter.KIND, "spec.workloadSelector", _filter),
    Selecting((LINKERD, "Server"), "spec.podSelector", _server, rooted=False),
)


def selecting_nothing(state: State) -> Iterator[Resource]:
    """Yields what is for workloads of which there is none, by labels or by its namespace."""
    inhabited = {ROOT_NAMESPACE, *(pod.namespace for pod in state.pods)}
    for kind, resource, labels in _all(state):
        general = kind.labels is _policy and not labels and not _targets(resource)
        if general and resource.namespace not in inhabited:
            yield resource
        if labels and not _selected(state, kind, resource, labels):
            yield resource


@rule
def policy_selects_nothing(state: State) -> Iterator[Sign]:
    inhabited = {ROOT_NAMESPACE, *(pod.namespace for pod in state.pods)}
    for kind, resource, labels in _all(state):
        if labels and resource.namespace in inhabited and not _selected(state, kind, resource, labels):
            listed = ", ".join(f"{key}={value}" for key, value in labels.items())
            yield seen(resource, kind.field, labels=listed)


@rule
def policy_in_empty_namespace(state: State) -> Iterator[Sign]:
    inhabited = {ROOT_NAMESPACE, *(pod.namespace for pod in state.pods)}
    for kind, resource, labels in _all(state):
        own = state.get("", "Namespace", "", resource.namespace)
        alone = own is not None and own.where and resource.namespace not in inhabited
        if kind.labels is _policy and alone and len(inhabited) > 1 and not (labels or _targets(resource)):
            yield seen(resource, namespace=resource.namespace)


@rule
def selectors_overlap(state: State) -> Iterator[Sign]:
    met: dict[tuple[str, str, str, str], tuple[Resource, str, dict[str, Pod]]] = {}
    selecting = (
        ((kind.kind, pod.workload), (kind, resource, pod))
        for kind, resource, labels in _all(state)
        if kind.alone and labels
        for pod in by_labels(state).selected(resource.namespace, labels)
    )
    for entries in grouped(selecting).values():
        for kind, resource, pod in entries:
            for _, other, _ in entries:
                if other is not resource:
                    _, _, others = met.setdefault(resource.key, (resource, kind.field, {}))
                    others[str(other)] = pod
    for resource, field, others in met.values():
        yield seen(resource, field, others=some(others), workload=next(iter(others.values())).workload)


@rule
def selectors_absent_twice(state: State) -> Iterator[Sign]:
    general = grouped(
        ((kind.kind, resource.namespace), (kind, resource))
        for kind, resource, labels in _all(state)
        if kind.alone and not labels and not _targets(resource)
    )
    for entries in general.values():
        for kind, resource in entries if len(entries) > 1 else ():
            others = some(str(other) for _, other in entries if other is not resource)
            yield seen(resource, kind.field, others=others, namespace=resource.namespace)


@rule
def selector_on_kubernetes_gateway(state: State) -> Iterator[Sign]:
    for kind, resource, labels in _all(state):
        if kind.labels is not _policy or not labels or resource.kind == "PeerAuthentication":
            continue
        pods = by_labels(state).selected(resource.namespace, labels)
        gateway = next((name for pod in pods if (name := pod.labels.get(GATEWAY_NAME))), None)
        if gateway and not _targets(resource):
            yield seen(resource, kind.field, gateway=gateway)


def _targets(resource: Resource) -> bool:
    return bool(PolicySpec.kept(resource).targets)


def _all(state: State) -> Iterator[tuple[Selecting, Resource, Mapping[str, str]]]:
    for kind in KINDS:
        for resource in state.all(*kind.kind):
            yield kind, resource, kind.labels(resource)


def _selected(state: State, kind: Selecting, resource: Resource, labels: Mapping[str, str]) -> bool:
    """Whether something has the labels: a pod, or a workload outside of the cluster."""
    everywhere = kind.rooted and resource.namespace == ROOT_NAMESPACE
    namespaces = _namespaces(state) if everywhere else [resource.namespace]
    return any(
        by_labels(state).selected(namespace, labels) or _entries(state).selected(namespace, labels)
        for namespace in namespaces
    )


@per_state
def _namespaces(state: State) -> list[str]:
    return [namespace.name for namespace in state.all("", "Namespace")]


@per_state
def _entries(state: State) -> LabelTable[WorkloadEntry]:
    entries = map(WorkloadEntry.kept, state.all(NETWORKING, "WorkloadEntry"))
    return LabelTable((entry.resource.namespace, entry.labels, entry) for entry in entries)
