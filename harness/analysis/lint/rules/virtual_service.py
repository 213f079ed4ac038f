"""Traps in VirtualServices."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.destination_rule import SUFFIX, service_of
from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.hosts import MESH
from harness.api.istio.registry import ServiceEntry
from harness.api.istio.virtual_service import VirtualService
from harness.base.resources import per_object
from harness.base.vocabulary import Mesh
from harness.model.istio.routing import virtual_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource
    from harness.model import State

_GROUP = "networking.istio.io"


@rule
def virtual_service_destination_missing(state: State) -> Iterator[Sign]:
    entries = map(ServiceEntry.of, state.all(_GROUP, "ServiceEntry"))
    registered = {host for entry in entries for host in entry.hosts}
    for resource in state.all(*VirtualService.KIND):
        for field, host, _ in _destinations(resource):
            if host.endswith(SUFFIX) and host not in registered and service_of(state, host) is None:
                yield seen(resource, f"{field}.host", service=host.removesuffix(SUFFIX))


@rule
def virtual_service_subset_missing(state: State) -> Iterator[Sign]:
    subsets: defaultdict[str, set[str]] = defaultdict(set)
    for definition in map(DestinationRule.of, state.all(_GROUP, "DestinationRule")):
        subsets[definition.full_host] |= {subset.name for subset in definition.subsets}
    for resource in state.all(*VirtualService.KIND):
        for field, host, subset in _destinations(resource):
            if subset and subset not in subsets[host]:
                valid = ", ".join(sorted(subsets[host])) or "none"
                yield seen(resource, f"{field}.subset", host=host, subset=subset, valid=valid)


@rule
def virtual_service_rule_shadowed(state: State) -> Iterator[Sign]:
    for resource in state.all(*VirtualService.KIND):
        if MESH not in virtual_service.gateways(resource):
            continue  # gateways move what takes everything to the end
        taken = ""
        for part in virtual_service.rules(resource, MESH):
            if taken:
                yield seen(resource, part.field, taken=taken)
                continue
            everywhere = [
                match
                for match in part.matches
                if match.takes_all and not (match.port or match.source_labels or match.source_namespace)
            ]
            if everywhere or not part.matches:
                taken = everywhere[0].where if everywhere else part.field


@rule
def virtual_service_same_host(state: State) -> Iterator[Sign]:
    first: dict[str, Resource] = {}
    for resource in state.all(*VirtualService.KIND):
        if MESH not in virtual_service.gateways(resource):
            continue
        for host in virtual_service.hosts(resource):
            older = first.setdefault(host, resource)
            if older is not resource:
                yield seen(resource, "spec.hosts", older=older, host=host)


@rule
def virtual_service_gateway_missing(state: State) -> Iterator[Sign]:
    for resource in state.all(*VirtualService.KIND):
        for index, gateway in enumerate(virtual_service.gateways(resource)):
            namespace, _, name = gateway.rpartition("/")
            if gateway != MESH and state.get(*IstioGateway.KIND, namespace, name) is None:
                yield seen(resource, f"spec.gateways[{index}]", gateway=gateway)


@rule
def virtual_service_weight_unset(state: State) -> Iterator[Sign]:
    for entry in _rules(state):
        if any(part.weight for part in entry.route):
            for part in entry.route:
                if part.weight is None:
                    yield seen(part)


@rule
def fault_abort_without_percentage(state: State) -> Iterator[Sign]:
    for entry in _rules(state):
        abort = entry.fault.abort
        if abort and not abort.has("percentage"):
            yield seen(abort)


@rule
def virtual_service_without_client(state: State) -> Iterator[Sign]:
    clients = [pod for pod in state.pods if not pod.gateway]
    if not clients or any(pod.mesh is Mesh.ISTIO for pod in clients):
        return
    for resource in state.all(*VirtualService.KIND):
        if MESH in virtual_service.gateways(resource):
            yield seen(resource, "spec.hosts")


def _rules(state: State) -> Iterator[HTTPRule]:
    for resource in state.all(*VirtualService.KIND):
        yield from VirtualService.of(resource).http


@per_object
def _destinations(resource: Resource) -> tuple[tuple[str, str, str], ...]:
    """Where a VirtualService sends requests: the field, the host in full and the subset of each."""
    routes = (part.destination for rule in VirtualService.of(resource).http for part in rule.route)
    return tuple((destination.path, destination.full_host, destination.subset) for destination in routes)
