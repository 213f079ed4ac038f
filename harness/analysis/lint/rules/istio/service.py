"""Traps in Services: names of ports, and several Services for the same pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.istio.registry import SERVICE
from harness.api.istio.gateway import MANAGED
from harness.api.istio.hosts import protocol_of
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.service import Service
from harness.base.listing import some
from harness.base.vocabulary import PLATFORM, Mesh, Workload
from harness.model import app_ports
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.kubernetes.service import ServicePort
    from harness.base.resources import Resource
    from harness.model import State


@rule
def service_port_name(state: State) -> Iterator[Sign]:
    for service in _written(state):
        for port in service.ports if not service.is_alias else ():
            if _says_nothing(port):
                yield seen(port, name=port.name or "a port without a name", number=port.number)


@rule
def external_name_port_name(state: State) -> Iterator[Sign]:
    for service in _written(state):
        for port in service.ports if service.is_alias else ():
            if port.name == "tcp" or _says_nothing(port):
                yield seen(port, name=port.name or "a port without a name", number=port.number)


def _says_nothing(port: ServicePort) -> bool:
    return port.protocol == "TCP" and not protocol_of(port.app_protocol or port.name, port.number)


def _written(state: State) -> Iterator[Service]:
    """The estate's Services, without those of control planes and what they deploy; none without Istio."""
    for service in state.all(*SERVICE) if Mesh.ISTIO in state.meshes else ():
        if service.namespace not in PLATFORM and MANAGED[0] not in labels_of(service):
            yield Service.kept(service)


@rule
def workload_services_protocols(state: State) -> Iterator[Sign]:
    for workload, ports in _selecting(state):
        for number, those in grouped((port.number, port) for port in ports).items():
            protocols = sorted({_spoken(port) for port in those if port.protocol == "TCP"})
            if len(protocols) > 1:
                listed = ", ".join(protocols)
                yield seen(workload, services=_services(those), port=number, protocols=listed)


@rule
def workload_services_ports(state: State) -> Iterator[Sign]:
    for workload, ports in _selecting(state):
        for (target, _), those in grouped(((port.target, port.protocol), port) for port in ports).items():
            numbers = sorted({port.number for port in those})
            if len(numbers) > 1:
                listed = ", ".join(map(str, numbers))
                yield seen(workload, services=_services(those), target=target, ports=listed)


def _spoken(port: ServicePort) -> str:
    return protocol_of(port.app_protocol or port.name, port.number) or "what is detected"


def _services(ports: list[ServicePort]) -> str:
    return some(dict.fromkeys(str(port.resource) for port in ports))


def _selecting(state: State) -> Iterator[tuple[Resource, list[ServicePort]]]:
    """The workloads with Istio's proxy, and the ports of all Services for their pods."""
    for workload in state.workloads:
        pods = state.pods_of(Workload(workload.namespace, workload.name))
        if pods and pods[0].mesh is Mesh.ISTIO:
            services = map(Service.kept, app_ports.selecting(state, pods[0]))
            yield workload, [port for service in services for port in service.ports]
