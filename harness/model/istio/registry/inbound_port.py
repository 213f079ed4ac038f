"""The ports of a pod as its own sidecar knows them: by its Sidecar's `ingress`, or else by Services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.hosts import entry_protocol
from harness.api.istio.registry import Sidecar
from harness.model import app_ports
from harness.model.istio.registry import service_entry, sidecar_scope
from harness.model.network.services import HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.istio.registry.service import Port
    from harness.model.state import Pod, State


@dataclass(frozen=True)
class InboundPort:
    """A port: who says what it speaks (`protocol` as a Service port's), and where the application listens."""

    origin: Resource
    field: str
    protocol: str
    target: int

    @property
    def http(self) -> bool:
        """Whether it is said to speak HTTP."""
        return self.protocol in HTTP


def find(state: State, pod: Pod, number: int) -> InboundPort | None:
    """Returns what a pod's sidecar knows of one of its ports, None if nothing says anything of it.

    Where a Sidecar lists the pod's ports Services don't count [istio/istio: buildInboundChainConfigs].
    """
    scope = sidecar_scope.of(state, pod)
    listeners = Sidecar.kept(scope.origin).ingress if scope.origin is not None else ()
    for listener in listeners:
        if listener.port.number == number:
            spoken = entry_protocol(listener.port.protocol)
            return InboundPort(listener.resource, listener.path, spoken, listener.target)
    port = None if listeners else next(_declared(state, pod, number), None)
    return None if port is None else InboundPort(port.origin, "spec.ports", port.protocol, number)


def _declared(state: State, pod: Pod, number: int) -> Iterator[Port]:
    """The ports of Services and ServiceEntries that lead to a pod's port, older first."""
    service = app_ports.declared(state, pod, number)
    if service is not None:
        yield service
    for port in service_entry.selecting(state, pod):
        if port.target == number:
            yield port
