"""Requests that no Service takes: to pods' own names and addresses, and out of the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.service import is_headless
from harness.base.vocabulary import Mesh
from harness.model.arrival import Arrival
from harness.model.distribution import Branches, after, certain, shares, then
from harness.model.istio import sidecar
from harness.model.linkerd import outbound
from harness.model.network import attachment
from harness.model.network.services import Endpoint, addresses, service_port
from harness.model.state.pods import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason, reason

if TYPE_CHECKING:
    from harness.model.arrival import Deliver
    from harness.model.message import Message
    from harness.model.network.dns import Answer
    from harness.model.network.services import ServicePort
    from harness.model.state.state import State


def send(
    state: State, client: Pod, answer: Answer, number: int, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what a request gets that a client sends to a port of one of these pods, as DNS gives them.

    The port is the pod's own. No proxy picks another pod: Linkerd's forwards to it, without any route;
    Istio's takes the rules of a headless Service that has this port, and else passes the request through.
    """
    pods = (Pod.at(answer.outside),) if answer.outside else answer.pods
    if not pods:
        assert answer.service is not None
        text = "is headless and has no ready pods: its name has no address"
        return certain(Outcome(failure=Failure.RESOLVE), reason(answer.service, "spec.clusterIP", text))

    def dial(pod: Pod) -> Branches[Outcome]:
        endpoint = Endpoint(pod, number)
        match client.mesh:
            case Mesh.LINKERD:
                forwarded = outbound.forward(state, client, endpoint, message, deliver)
                return after(forwarded, *_unread(state, answer))
            case Mesh.ISTIO:
                return _by_sidecar(state, client, answer, endpoint, message, deliver)
            case _:
                return deliver(Arrival(client, pod, number, message))

    return then(shares((1, pod, _why(answer, pod)) for pod in pods), dial)


def _unread(state: State, answer: Answer) -> tuple[Reason, ...]:
    """The routes on a headless Service, which Linkerd's proxies never ask for."""
    routes = attachment.naming(state, answer.service) if answer.service else []
    text = "doesn't count: to a headless Service's pods Linkerd forwards without routes"
    return tuple(reason(one.live, "spec.parentRefs", text, lost=True) for one in routes)


def _why(answer: Answer, pod: Pod) -> tuple[Reason, ...]:
    if answer.outside:
        return (*answer.trace, Reason(f"{pod.ip} leads out of the cluster"))
    if answer.service is None:
        return (*answer.trace, Reason(f"{pod.ip} is the address of pod {pod.namespace}/{pod.name}"))
    text = f"leads to pod {pod.name} itself"
    if len(answer.pods) > 1:
        text = f"leads to {len(answer.pods)} pods: which of them the client picks isn't specified"
    return (*answer.trace, reason(answer.service, "spec.clusterIP", text))


def _by_sidecar(
    state: State, client: Pod, answer: Answer, endpoint: Endpoint, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """What Istio's sidecar makes of it: its cluster for a headless Service goes where the client dialled.

    [istio/istio: pilot/pkg/networking/core/cluster.go, convertResolution]
    """
    port = _headless_port(answer, endpoint.port)
    if port is None:
        return sidecar.send(state, client, endpoint, message, deliver)
    own = {pod.name for pod in addresses(state, port.service)}

    def to_dialled(arrival: Arrival) -> Branches[Outcome]:
        if arrival.server.name not in own or arrival.server.namespace != port.service.namespace:
            return deliver(arrival)
        return deliver(replace(arrival, server=endpoint.pod, port=endpoint.port))

    return sidecar.send(state, client, port, message, to_dialled)


def _headless_port(answer: Answer, number: int) -> ServicePort | None:
    if answer.service is None or not is_headless(answer.service):
        return None
    return service_port(answer.service, number)
