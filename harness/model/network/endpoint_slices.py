"""Endpoints that somebody wrote by hand, for Services without selector.

Those that Kubernetes' controllers write for Services with one are taken in and passed over: the model
knows the pods. [Kubernetes: Services without selectors, EndpointSlices]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.api.objects import labels_of
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model.state.state import State

GROUP = "discovery.k8s.io"
_SERVICE_NAME = "kubernetes.io/service-name"
_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
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
    found: dict[tuple[str, str], list[Written]] = {}
    for one in state.all(GROUP, "EndpointSlice"):
        name = labels_of(one).get(_SERVICE_NAME, "")
        if labels_of(one).get(_MANAGED_BY) not in _CONTROLLERS:
            found.setdefault((one.namespace, name), []).extend(_of_slice(one))
    for one in state.all("", "Endpoints"):
        found.setdefault((one.namespace, one.name), []).extend(_of_endpoints(one))
    return found


def _of_slice(resource: Resource) -> Iterator[Written]:
    ports = _ports(resource.data.get("ports"))
    for index, part in enumerate(resource.data.get("endpoints") or ()):
        ready = (part.get("conditions") or {}).get("ready") is not False
        addresses = tuple(part.get("addresses") or ())
        yield Written(resource, f"endpoints[{index}]", addresses, _pod(part), ready, ports)


def _of_endpoints(resource: Resource) -> Iterator[Written]:
    for index, subset in enumerate(resource.data.get("subsets") or ()):
        for key, ready in (("addresses", True), ("notReadyAddresses", False)):
            for position, part in enumerate(subset.get(key) or ()):
                field = f"subsets[{index}].{key}[{position}]"
                ports = _ports(subset.get("ports"))
                yield Written(resource, field, (part["ip"],), _pod(part), ready, ports)


def _ports(parts: list[dict[str, Any]] | None) -> dict[str, int]:
    return {
        part.get("name") or "": int(part["port"])
        for part in parts or ()
        if part.get("port") and (part.get("protocol") or "TCP") == "TCP"
    }


def _pod(part: dict[str, Any]) -> str:
    reference = part.get("targetRef") or {}
    return str(reference.get("name") or "") if reference.get("kind") == "Pod" else ""
