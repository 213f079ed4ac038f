"""What is known of ports: which go round the proxy, and which are opaque."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import annotations_of
from harness.api.linkerd.annotation import OPAQUE_PORTS, SKIP_INBOUND, SKIP_OUTBOUND, SKIP_SUBNETS
from harness.api.linkerd.ports import Ports, lenient, strict
from harness.base.errors import not_modelled
from harness.base.vocabulary import Workload
from harness.model.linkerd import config
from harness.model.linkerd.policy.server import makes_opaque
from harness.model.network.addresses import contains
from harness.model.network.services import service_ports
from harness.model.state.tables import per_key
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.message import Arrival
    from harness.model.state import Pod, State


@per_key(lambda service: service.key)
def opaque_of_service(state: State, service: Resource) -> Ports:
    """Returns a Service's opaque ports: its annotation's, else its namespace's, else the installation's.

    The injector writes the last two onto the Service: of the installation's ports those that the Service
    has or targets. Where it finds none of them it writes nothing, and then all of them count.
    """
    written = annotations_of(service).get(OPAQUE_PORTS)
    if written is None:
        namespace = state.get("", "Namespace", "", service.namespace)
        written = annotations_of(namespace).get(OPAQUE_PORTS) if namespace else None
    if written is not None:
        return lenient(written)
    default = config.of(state).opaque_ports
    here = frozenset(port.number for port in service_ports(service) if port.target in default)
    return here or default


@per_key(lambda pod, port: (pod.namespace, pod.name, pod.machine, port))
def opaque_to_clients(state: State, pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies are told that a pod's port is opaque: by annotation or a Server."""
    written = _annotated(state, pod)
    names = {name: number for container in pod.containers for name, number in container.ports.items()}
    opaque = config.of(state).opaque_ports if written is None else lenient(written, names)
    return port in opaque or makes_opaque(state, pod, port)


def opaque_inbound(state: State, pod: Pod, port: int) -> bool:
    """Returns whether a pod's own proxy takes a port that no Server selects for opaque."""
    return port in strict(_annotated(state, pod) or "")


def _annotated(state: State, pod: Pod) -> str | None:
    """The pod's annotation: its own, its namespace's, or of the default ports those of its containers."""
    written = pod.annotations.get(OPAQUE_PORTS)
    if written is not None:
        return written
    default = config.of(state).opaque_ports
    here = [str(port) for container in pod.containers for port in container.exposed if port in default]
    return ",".join(here) or None


def outbound_bypass(state: State, client: Pod, port: int) -> Step | None:
    """Returns why a connection to a port (as dialled, not the pods') goes round Linkerd's proxy, or None."""
    skipped, where = _ports(client, SKIP_OUTBOUND, config.of(state).skip_outbound)
    if port not in skipped:
        return None
    text = "{} goes round its proxy to port {} ({}): no mutual TLS, no route"
    return built_in(Action.BYPASSED, text, client.workload, port, where)


def unmeshed(pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies know that a pod's port has no proxy: its annotation says so."""
    return port in lenient(pod.annotations.get(SKIP_INBOUND, ""))


def inbound_bypass(state: State, arrival: Arrival) -> Step | None:
    """Returns why a plaintext connection reaches a pod round Linkerd's proxy, None if it doesn't."""
    if arrival.tls is not None:
        return None
    server, settings = arrival.server, config.of(state)
    skipped, where = _ports(server, SKIP_INBOUND, settings.skip_inbound)
    if arrival.port in skipped:
        text = "port {} of {} goes round its proxy ({}): no policy"
        return built_in(Action.BYPASSED, text, arrival.port, server.workload, where)
    written = server.annotations.get(SKIP_SUBNETS)
    networks = written.split(",") if written is not None else settings.skip_subnets
    if any(_from(state, arrival, network.strip()) for network in networks if network.strip()):
        text = "{} is reached round its proxy from there ({}): no policy"
        return built_in(Action.BYPASSED, text, server.workload, SKIP_SUBNETS)
    return None


def _ports(pod: Pod, annotation: str, default: Ports) -> tuple[Ports, str]:
    written = pod.annotations.get(annotation)
    return (default, "by default") if written is None else (lenient(written), annotation)


def _from(state: State, arrival: Arrival, network: str) -> bool:
    """Whether the client is in a network that the server's firewall rules leave alone."""
    name = arrival.server.workload
    workload = next(each for each in state.workloads if name == Workload(each.namespace, each.name))
    field = f"annotation {SKIP_SUBNETS}"
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        raise not_modelled(workload, field, f"{network!r} isn't a network") from None
    return contains(workload, field, parsed, arrival.client)
