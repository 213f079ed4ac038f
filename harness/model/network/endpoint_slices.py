"""Endpoints that somebody wrote by hand, for Services without selector.

Those that Kubernetes' controllers write for Services with one are taken in and passed over: the model
knows the pods. [Kubernetes: Services without selectors, EndpointSlices]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.service import MANAGED_BY, SERVICE_NAME, Endpoints, EndpointSlice
from harness.api.objects import labels_of
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.api.kubernetes.service import EndpointPort
    from harness.base.resources import Resource
    from harness.model.state import State

GROUP = "discovery.k8s.io"
_CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


@dataclass(frozen=True)
class Written:
    """Addresses of a Service and their ports by name; `pod` is what they say to be, if they do."""

    origin: Resource
    field: str
    addresses: tuple[str, ...]
    pod: str
    ready: bool
    ports: Mapping[str, int]


def written(state: State, service: Resource) -> tuple[Written, ...]:
    """Returns what hand-written EndpointSlices and Endpoints say of a Service."""
    return tuple(_by_service(state).get((service.namespace, service.name), ()))


@per_state
def _by_service(state: State) -> dict[tuple[str, str], list[Written]]:
    slices = (
        ((each.namespace, labels_of(each).get(SERVICE_NAME, "")), written)
        for each in state.all(GROUP, "EndpointSlice")
        if labels_of(each).get(MANAGED_BY) not in _CONTROLLERS
        for written in _of_slice(each)
    )
    older = (
        ((each.namespace, each.name), written)
        for each in state.all("", "Endpoints")
        for written in _of_endpoints(each)
    )
    return grouped((*slices, *older))


def _of_slice(resource: Resource) -> Iterator[Written]:
    written = EndpointSlice.of(resource)
    ports = _ports(written.ports)
    for part in written.endpoints:
        ready = part.conditions.ready
        yield Written(resource, part.path, part.addresses, part.target.pod, ready, ports)


def _of_endpoints(resource: Resource) -> Iterator[Written]:
    for subset in Endpoints.of(resource).subsets:
        ports = _ports(subset.ports)
        for addresses, ready in ((subset.addresses, True), (subset.unready, False)):
            for part in addresses:
                yield Written(resource, part.path, (part.ip,), part.target.pod, ready, ports)


def _ports(ports: Iterable[EndpointPort]) -> dict[str, int]:
    return {port.name: port.number for port in ports if port.number and port.protocol == "TCP"}
