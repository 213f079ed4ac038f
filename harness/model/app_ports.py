"""What the ports of pods speak, as far as objects tell, and what answers a connection without plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.hosts import protocol_of
from harness.api.kubernetes.service import Service
from harness.base.errors import NotModelledError
from harness.model import apps
from harness.model.distribution import certain
from harness.model.network.services import service_ports
from harness.model.state.tables import SelectorTable, per_pod, per_state
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.message import Answers, Arrival
    from harness.model.network.services import ServicePort
    from harness.model.state import Pod, State


@per_pod
def declared(state: State, pod: Pod, port: int) -> ServicePort | None:
    """Returns the Service port that leads to a pod's port, the oldest Service's of several."""
    return next(_leading(state, pod, port), None)


def _leading(state: State, pod: Pod, port: int) -> Iterator[ServicePort]:
    for service in selecting(state, pod):
        yield from (each for each in service_ports(service) if pod.port(each.target) == port)


def selecting(state: State, pod: Pod) -> list[Resource]:
    """Returns the Services whose selector selects a pod, older first."""
    return _services(state).selecting(pod.namespace, pod.labels)


@per_state
def _services(state: State) -> SelectorTable[Resource]:
    every = ((service, Service.kept(service).selector) for service in state.all("", "Service"))
    return SelectorTable((service.namespace, selector, service) for service, selector in every if selector)


def speaks_tls(state: State, pod: Pod, port: int) -> bool:
    """Returns whether the application itself speaks TLS on a port.

    Of the known applications some say so by an argument or a variable, the others speak plain HTTP. Of all
    others the container's name for the port tells, or a Service's. Raises NotModelledError where none does.
    """
    container = apps.listening(pod, port)
    if container is None:
        return False
    app = apps.known(container)
    if app and not app.stands_in:
        return app.speaks_tls(container, port)
    spoken = {protocol_of(name) for name, number in container.ports.items() if number == port}
    spoken |= {service_port.protocol for service_port in _leading(state, pod, port)}
    if spoken <= {"", "tcp"}:
        raise NotModelledError(
            f"whether {pod.workload} speaks TLS on port {port} isn't known",
            why=f"the model doesn't know {container.image}, and nothing names the port",
            todo="name the container's or the Service's port: https or tls, or else http",
        )
    return "tls" in spoken


def answer(state: State, arrival: Arrival) -> Answers:
    """Returns what an application makes of TLS of the client's own, or of a bare connection."""
    pod, port = arrival.server, arrival.port
    if apps.listening(pod, port) is None:
        text = "no container of {} listens on port {}: refused"
        return certain(Outcome(failure=Failure.REFUSED), built_in(Action.FAILED, text, pod.workload, port))
    if arrival.message.tcp:
        outcome = Outcome(connected=True, backend=pod.workload)
        return certain(outcome, built_in(Action.ANSWERED, "{} listens", pod.workload))
    if not speaks_tls(state, pod, port):
        text = "{} speaks no TLS on port {}: the handshake fails"
        return certain(Outcome(failure=Failure.TLS), built_in(Action.FAILED, text, pod.workload, port))
    text = "{} speaks TLS on port {}: taken to answer 200"
    outcome = Outcome(status=200, backend=pod.workload)
    return certain(outcome, built_in(Action.ANSWERED, text, pod.workload, port))
