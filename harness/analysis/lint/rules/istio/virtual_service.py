"""Traps in VirtualServices."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.hosts import MESH, exported_to
from harness.api.istio.virtual_service import VirtualService
from harness.base.vocabulary import Mesh
from harness.model.istio.routing import virtual_service
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource
    from harness.model import State


@rule
def virtual_service_same_host(state: State) -> Iterator[Sign]:
    bound = [each for each in state.all(*VirtualService.KIND) if MESH in virtual_service.gateways(each)]
    by_host = grouped((host, each) for each in bound for host in virtual_service.hosts(each))
    others: dict[tuple[str, str], tuple[Resource, dict[str, None], dict[str, None]]] = {}
    for host, speaking in by_host.items():
        for first, second in combinations(speaking, 2):
            if _meet(first, second):
                for own, another in ((first, second), (second, first)):
                    _, names, hosts = others.setdefault((own.namespace, own.name), (own, {}, {}))
                    names[str(another)] = hosts[host] = None
    for resource, names, hosts in others.values():
        yield seen(resource, "spec.hosts", others=", ".join(names), host=", ".join(hosts))


def _meet(first: Resource, second: Resource) -> bool:
    """Whether the proxies of some namespace see both VirtualServices."""
    seen_by = [
        {each.namespace if name == "." else name for name in exported_to(each) or ("*",)}
        for each in (first, second)
    ]
    return any("*" in names for names in seen_by) or bool(seen_by[0] & seen_by[1])


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
