"""kube-proxy: a connection to a Service, from a client without a proxy or from outside of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError
from harness.model.arrival import Arrival
from harness.model.distribution import Branches, certain, shares, then
from harness.model.message import Message
from harness.model.network import similar_pods as likeness
from harness.model.network.services import Endpoint, endpoints, service_port
from harness.model.state.pods import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import HOST
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.arrival import Deliver
    from harness.model.state.state import State
    from harness.traffic.request import Request


def send(
    state: State,
    client: Pod,
    service: Resource,
    found: tuple[Endpoint, ...],
    message: Message,
    deliver: Deliver,
) -> Branches[Outcome]:
    """Returns what the pods answer of which kube-proxy picks one for each connection; no route counts."""
    if not found:
        refused = step(service, "spec.selector", Action.FAILED, "has no pods: refused")
        return certain(Outcome(failure=Failure.REFUSED), refused)
    if len(found) > 1:
        text = "{} pods, one by connection: which gets which share isn't specified"
        why = step(service, "spec.selector", Action.LEFT_OPEN, text, len(found))
    else:
        why = step(service, "spec.selector", Action.MATCHED, "its only pod")

    def dial(endpoint: Endpoint) -> Branches[Outcome]:
        return deliver(Arrival(client, endpoint.pod, endpoint.port, message))

    alike = likeness.merged(state, ((1, endpoint, endpoint) for endpoint in found))
    return then(shares((count, endpoint, (why,)) for count, endpoint in alike), dial)


def enter(state: State, request: Request, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a request gets that comes in from outside of the cluster, through a Service.

    Refused if the Service doesn't have the port. Raises NotModelledError if it isn't there.
    """
    assert request.through is not None
    service = state.get("", "Service", request.through.namespace, request.through.name)
    if service is None:
        raise NotModelledError(f"there is no Service {request.through}", todo="check the gateway's name")
    port = service_port(service, request.port)
    if port is None:
        no_port = step(
            service, "spec.ports", Action.FAILED, "has no port {}: there is no way in", request.port
        )
        return certain(Outcome(failure=Failure.REFUSED), no_port)
    host = Pod.at(HOST.name)
    return send(state, host, service, endpoints(state, port), Message.of(request), deliver)
