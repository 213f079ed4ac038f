"""Opaque ports, by annotations or Servers: what flows there are bytes to Linkerd's proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP, ports
from harness.api.linkerd.annotation import OPAQUE_PORTS
from harness.api.linkerd.policy import OPAQUE, LinkerdServer
from harness.api.objects import annotations_of
from harness.model.linkerd import config
from harness.model.network.services import service_ports
from harness.model.state.tables import SelectorTable, per_key, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.linkerd.ports import Ports
    from harness.base.resources import Resource
    from harness.model.state import Pod, State


@per_key(lambda service: service.key)
def of_service(state: State, service: Resource) -> Ports:
    """Returns a Service's opaque ports: its annotation's, else its namespace's, else the installation's.

    The injector writes the last two onto the Service: of the installation's ports those that the Service
    has or targets. Where it finds none of them it writes nothing, and then all of them count.
    """
    said = annotations_of(service).get(OPAQUE_PORTS)
    if said is None:
        namespace = state.get("", "Namespace", "", service.namespace)
        said = annotations_of(namespace).get(OPAQUE_PORTS) if namespace else None
    if said is not None:
        return ports.lenient(said)
    default = config.of(state).opaque_ports
    here = frozenset(port.number for port in service_ports(service) if port.target in default)
    return here or default


@per_key(lambda pod, port: (pod.namespace, pod.name, port))
def to_clients(state: State, pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies are told that a pod's port is opaque: by annotation or a Server."""
    said = _said(state, pod)
    names = {name: number for one in pod.containers for name, number in one.ports.items()}
    opaque = config.of(state).opaque_ports if said is None else ports.lenient(said, names)
    return port in opaque or _makes_opaque(state, pod, port)


def inbound(state: State, pod: Pod, port: int) -> bool:
    """Returns whether a pod's own proxy takes a port that no Server selects for opaque."""
    return port in ports.strict(_said(state, pod) or "")


def _said(state: State, pod: Pod) -> str | None:
    """The pod's annotation: its own, its namespace's, or of the default ports those of its containers."""
    said = pod.annotations.get(OPAQUE_PORTS)
    if said is not None:
        return said
    default = config.of(state).opaque_ports
    here = [str(port) for container in pod.containers for port in container.exposed if port in default]
    return ",".join(here) or None


def server_at(state: State, pod: Pod, port: int) -> LinkerdServer | None:
    """Returns the Server that selects a pod's port, the oldest of several."""
    return next(_selecting(state, pod, port), None)


def _makes_opaque(state: State, pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies know by a Server, be it the oldest or not, that a port is opaque."""
    return any(server.protocol == OPAQUE for server in _selecting(state, pod, port))


def _selecting(state: State, pod: Pod, port: int) -> Iterator[LinkerdServer]:
    for server in _servers(state).selecting(pod.namespace, pod.labels):
        if server.pod_selector.selects(pod.labels) and pod.port(server.port) == port:
            yield server


@per_state
def _servers(state: State) -> SelectorTable[LinkerdServer]:
    servers = map(LinkerdServer.kept, state.all(GROUP, "Server"))
    return SelectorTable((one.resource.namespace, one.pod_selector.match_labels, one) for one in servers)
