"""kube-proxy: a connection to a Service, from a client without a proxy or from outside of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError
from harness.model.distribution import certain, shares, then
from harness.model.message import Answers, ClientSide, Deliver, Message
from harness.model.network.services import Endpoint, alike, endpoints, service_port
from harness.model.state import Pod
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import HOST
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import State
    from harness.traffic.request import Request


def send(side: ClientSide, service: Resource, ready: tuple[Endpoint, ...], message: Message) -> Answers:
    """Returns what the pods answer of which kube-proxy picks one for each connection; no route counts."""
    if not ready:
        refused = step(service, "spec.selector", Action.FAILED, "has no pods: refused")
        return certain(Outcome(failure=Failure.REFUSED), refused)
    if len(ready) > 1:
        text = "{} pods, one by connection: which gets which share isn't specified"
        why = step(service, "spec.selector", Action.LEFT_OPEN, text, len(ready))
    else:
        why = step(service, "spec.selector", Action.MATCHED, "its only pod")
    groups = alike(side.state, ((1, endpoint, endpoint) for endpoint in ready))
    picked = shares((count, endpoint, (why,)) for count, endpoint in groups)
    return then(picked, lambda endpoint: side.dial(endpoint.pod, endpoint.port, message))


def enter(state: State, request: Request, deliver: Deliver) -> Answers:
    """Returns what comes in through a Service: refused without the port, NotModelledError without it."""
    assert request.through is not None
    service = state.get("", "Service", request.through.namespace, request.through.name)
    if service is None:
        raise NotModelledError(f"there is no Service {request.through}", todo="check the gateway's name")
    port = service_port(service, request.port)
    if port is None:
        text = "has no port {}: there is no way in"
        no_port = step(service, "spec.ports", Action.FAILED, text, request.port)
        return certain(Outcome(failure=Failure.REFUSED), no_port)
    side = ClientSide(state, Pod.at(HOST.name), deliver)
    return send(side, service, endpoints(state, port), Message.of(request))
