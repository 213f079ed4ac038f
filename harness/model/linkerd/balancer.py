"""A call that a client's proxy makes, and how it dispatches it from a Service's port to one of its pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model import replies
from harness.model.distribution import after, mapped, shares, then
from harness.model.linkerd import ports
from harness.model.message import Answers, Arrival, ClientSide, Endpoint
from harness.model.network import network_policy, topology
from harness.model.network.services import ServicePort, alike, endpoints
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.series import BY_CONNECTION
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.linkerd.breaker import Breaker
    from harness.model.message import Message

CONNECT_TIMEOUT = 1.0
"""Seconds that the outbound proxy waits for a connection [linkerd2: values, outboundConnectTimeout]."""

UNEVEN = "by load and latency (P2C, EWMA): which pod gets which share isn't specified"


@dataclass(frozen=True)
class OutboundCall(ClientSide):
    """A connection to a Service's port, or to one endpoint: a pod's, or a place outside of the cluster.

    `parent` is what routes attach to: the Service or the EgressNetwork, if any. `default` is where the
    connection leads if no route says otherwise.
    """

    default: ServicePort | Endpoint
    parent: Resource | None = None

    @classmethod
    def of(
        cls, side: ClientSide, default: ServicePort | Endpoint, parent: Resource | None = None
    ) -> OutboundCall:
        """Returns the call that a client makes."""
        return cls(side.state, side.client, side.deliver, default, parent)

    @property
    def number(self) -> int:
        """The port that is dialled."""
        return self.default.number if isinstance(self.default, ServicePort) else self.default.port

    @property
    def service(self) -> Resource | None:
        """The Service that is dialled, if any."""
        return self.parent if self.parent is not None and self.parent.kind == "Service" else None

    @property
    def egress(self) -> Resource | None:
        """The EgressNetwork that sees it, if any."""
        return self.parent if self.parent is not None and self.parent.kind == "EgressNetwork" else None


def ready(call: OutboundCall, port: ServicePort) -> tuple[tuple[Endpoint, ...], tuple[Step, ...]]:
    """Returns the endpoints behind a Service's port that the balancer picks from, and why not the others.

    It is connected to meshed pods beforehand, and passes over those to which no connection gets through.
    """
    near = topology.near(call.state, call.client, port.service, endpoints(call.state, port), nodes=False)
    reached: list[Endpoint] = []
    lost = list(near.trace)
    for endpoint in near.endpoints:
        verdict = network_policy.ALLOWED
        if _is_meshed(endpoint):
            verdict = network_policy.judge(
                call.state, call.client, endpoint.pod, endpoint.pod.tunnel or endpoint.port
            )
        if verdict.allowed:
            reached.append(endpoint)
        else:
            lost += verdict.trace
    return tuple(reached), tuple(lost)


def _is_meshed(endpoint: Endpoint) -> bool:
    pod = endpoint.pod
    return endpoint.named and pod.mesh is Mesh.LINKERD and not ports.unmeshed(pod, endpoint.port)


def dispatch(
    call: OutboundCall,
    port: ServicePort,
    reached: tuple[Endpoint, ...],
    message: Message,
    *,
    opaque: bool = False,
    breaker: Breaker | None = None,
    outages: tuple[Outcome, ...] = (),
) -> Answers:
    """Returns what the pods behind a Service's port answer; to meshed ones over mutual TLS.

    Without a rule for shares the model gives each pod the same, and says that this isn't specified. `outages`
    are what may come back while a breaker has taken all of them out.
    """
    uneven = step(port.service, "spec.selector", Action.LEFT_OPEN, "{} pods {}", len(reached), UNEVEN)
    spread = () if len(reached) == 1 else (uneven,)
    groups = alike(call.state, ((1, endpoint, endpoint) for endpoint in reached))
    zones = topology.near(call.state, call.client, port.service, reached, nodes=False).setting
    affinity = BY_CONNECTION if opaque else ()

    def answered(endpoint: Endpoint) -> Answers:
        own = forward(call, endpoint, message, opaque=opaque)
        if endpoint.pod.gateway is not None:  # which says itself who gets what
            return own
        return (
            mapped(own, lambda outcome: outcome.of_series(affinity, port.host, zones))
            if affinity or zones
            else own
        )

    answers = [(count, answered(endpoint)) for count, endpoint in groups]
    if breaker is not None:
        return after(breaker.picking(answers, outages), *spread)
    branches = then(shares((count, answer, ()) for count, answer in answers), lambda answer: answer)
    return after(branches, *spread)


def forward(call: OutboundCall, endpoint: Endpoint, message: Message, *, opaque: bool = False) -> Answers:
    """Returns what an endpoint answers; `opaque` forwards bytes, of whose end the client gets no answer."""
    pod, port = endpoint.pod, endpoint.port
    meshed = _is_meshed(endpoint)
    bytes_only = opaque or (meshed and ports.opaque_to_clients(call.state, pod, port))
    tls = Mesh.LINKERD if meshed else None
    arrival = Arrival(call.client, pod, port, message, tls, opaque=bytes_only)
    branches = call.deliver(arrival)
    if not pod.outside:
        action, text = Action.UNENCRYPTED, "{} has no Linkerd proxy: plaintext"
        if meshed:
            action, text = Action.ENCRYPTED, "{} has a Linkerd proxy: mutual TLS"
        branches = after(branches, built_in(action, text, pod.workload))

    def answered(outcome: Outcome) -> Outcome:
        if outcome.failure is None:
            return outcome
        if opaque:
            return with_fields(outcome, failure=Failure.TLS if message.tls else Failure.RESET)
        if outcome.failure is Failure.TIMEOUT:
            error = f"endpoint <ip>:{port}: connect timed out after {CONNECT_TIMEOUT:g}s"
            return with_fields(replies.linkerd(message, 504, error, close=True), seconds=CONNECT_TIMEOUT)
        error = f"endpoint <ip>:{port}: client error (SendRequest)"
        answer = replies.linkerd(message, 502, error, close=True)
        return with_fields(answer, seconds=outcome.seconds, hop=outcome.hop)

    return mapped(branches, answered)
