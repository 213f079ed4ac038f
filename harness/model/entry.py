"""How a request from outside of the cluster comes in: which gateway's Service has its host and port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import InputError
from harness.base.vocabulary import Workload
from harness.model import app_ports, planes
from harness.model.network.services import service_port
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import Pod, State
    from harness.traffic.request import Request

_TODO = "name the gateway's Service (--through NAMESPACE/SERVICE)"


@per_state
def gateways(state: State) -> tuple[tuple[Resource, Pod], ...]:
    """Returns the Services of gateways, each with one of its pods, older first."""
    pods = {pods[0].workload: pods[0] for pods in state.running.values() if pods and pods[0].gateway}
    leading = ((service, pod) for pod in pods.values() for service in app_ports.selecting(state, pod))
    return tuple({service.key: (service, pod) for service, pod in leading}.values())


def of_workload(state: State, workload: Workload) -> Workload | None:
    """Returns the Service of a gateway's workload; None if it is none, or has no Service."""
    ways = (service for service, pod in gateways(state) if pod.workload == workload)
    return next((Workload(service.namespace, service.name) for service in ways), None)


def way_in(state: State, request: Request) -> Workload:
    """Returns the gateway's Service by which the internet reaches a host: one that has the host, or the one.

    Raises InputError where there is no gateway, or more than one that it may be.
    """
    open_ = [(service, pod) for service, pod in gateways(state) if _opens(service, request)]
    having = [service for service, pod in open_ if _has_host(state, service, pod, request)]
    ways = having or [service for service, _ in open_ or gateways(state)]
    names = sorted({Workload(service.namespace, service.name) for service in ways})
    if len(names) == 1:
        return names[0]
    if not names:
        raise InputError("there is no gateway among the manifests: nothing comes in from outside", todo=_TODO)
    words = "more than one gateway has" if having else "none of several gateways has"
    raise InputError(f"{words} {_name(request)}: {', '.join(map(str, names))}", todo=_TODO)


def _opens(service: Resource, request: Request) -> bool:
    return service_port(service, request.port) is not None


def _name(request: Request) -> str:
    """The name that a gateway tells hosts apart by: of TLS the one that is dialled, else the Host header."""
    return request.host.lower() if request.tls else request.authority.partition(":")[0].lower()


def _has_host(state: State, service: Resource, pod: Pod, request: Request) -> bool:
    port = service_port(service, request.port)
    target = pod.port(port.target) if port else None
    has_host = planes.HOSTS.get(pod.gateway) if pod.gateway else None
    return target is not None and has_host is not None and has_host(state, pod, target, _name(request))
