"""What becomes of a request: from the client's pod, through the proxies, to an application."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.errors import NotModelledError
from harness.model import apps
from harness.model.distribution import Branch, Branches, after, certain, shares, then
from harness.model.hop import Arrival
from harness.model.istio import gateway, sidecar
from harness.model.istio import inbound as istio_inbound
from harness.model.kubernetes import endpoints, resolve, service_port
from harness.model.linkerd import inbound as linkerd_inbound
from harness.model.linkerd import outbound
from harness.model.message import Message
from harness.model.objects import reason
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.hop import Deliver
    from harness.model.kubernetes import Endpoint
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource
    from harness.traffic.request import Request

_MAX_DEPTH = 8
"""Applications call applications; a longer chain than this is taken for a loop."""


def decide(state: State, request: Request) -> Outcomes:
    """Returns what comes back of a request: exact probabilities, each with its trace.

    Raises NotModelledError where something takes part that the model doesn't understand.
    """
    pods = state.pods_of(request.source)
    if not pods:
        raise NotModelledError(
            f"there is no running workload {request.source}",
            why="requests are sent from a running pod",
            todo="deploy it, or name another workload",
        )
    return Outcomes(_merged(_send(state, pods[0], request, _MAX_DEPTH)))


def _merged(branches: Branches[Outcome]) -> tuple[Group, ...]:
    """Equal outcomes as one group, with the trace of the first of them."""
    merged: dict[Outcome, tuple[Fraction, tuple[Reason, ...]]] = {}
    for branch in branches:
        weight, trace = merged.get(branch.value, (Fraction(0), branch.trace))
        merged[branch.value] = (weight + branch.weight, trace)
    return tuple(Group(outcome, weight, trace) for outcome, (weight, trace) in merged.items())


def _send(state: State, client: Pod, request: Request, depth: int) -> Branches[Outcome]:
    if depth == 0:
        raise NotModelledError(f"{request} never ends: applications call each other in a circle")
    _check_control_plane(state, client)
    service = resolve(state, request.host, client.namespace)
    if service is None:
        text = f"no Service is called {request.host} in {client.namespace}; names elsewhere aren't resolved"
        return certain(Outcome(failure=Failure.RESOLVE), Reason(text))

    def deliver(arrival: Arrival) -> Branches[Outcome]:
        return _arrive(state, arrival, depth)

    message = Message.of(request)
    if client.mesh is Mesh.LINKERD:
        return outbound.send(state, client, service, request.port, message, deliver)
    port = service_port(service, request.port)
    if port is None:
        text = f"has no port {request.port}, so nothing answers at its address"
        return certain(Outcome(failure=Failure.TIMEOUT), reason(service, "spec.ports", text))
    if client.mesh is Mesh.ISTIO:
        return sidecar.send(state, client, port, message, deliver)
    return after(
        _unmeshed(state, client, service, endpoints(state, port), message, deliver),
        *_ignored_routes(state, service),
    )


def _unmeshed(
    state: State,
    client: Pod,
    service: Resource,
    found: tuple[Endpoint, ...],
    message: Message,
    deliver: Deliver,
) -> Branches[Outcome]:
    """kube-proxy picks a pod for each connection; no route counts for a client without a proxy."""
    if not found:
        return certain(
            Outcome(failure=Failure.REFUSED), reason(service, "spec.selector", "has no pods: refused")
        )
    trace: tuple[Reason, ...] = ()
    if len(found) > 1:
        text = f"{len(found)} pods, one by connection: which gets which share isn't specified"
        trace = (reason(service, "spec.selector", text),)

    def dial(endpoint: Endpoint) -> Branches[Outcome]:
        return deliver(Arrival(client, endpoint.pod, endpoint.port, message))

    return then(shares((1, endpoint, trace) for endpoint in found), dial)


def _ignored_routes(state: State, service: Resource) -> tuple[Reason, ...]:
    """Routes that would count for a meshed client of this Service."""
    found = [
        *state.all("networking.istio.io", "VirtualService", service.namespace),
        *state.all("gateway.networking.k8s.io", "HTTPRoute", service.namespace),
        *state.all("gateway.networking.k8s.io", "GRPCRoute", service.namespace),
        *state.all("policy.linkerd.io", "HTTPRoute", service.namespace),
    ]
    text = "doesn't count: the client has no proxy"
    return tuple(
        reason(one, "spec", text, lost=True) for one in found if service.name in str(one.data.get("spec"))
    )


def _arrive(state: State, arrival: Arrival, depth: int) -> Branches[Outcome]:
    """What a pod answers: its inbound proxy, if it has one, then its application."""
    server = arrival.server
    _check_control_plane(state, server)
    if arrival.tls is not None and arrival.tls is not server.mesh:
        text = f"{server.workload} has no {arrival.tls} proxy to end mutual TLS"
        return certain(Outcome(failure=Failure.OTHER, detail="TLS handshake failed"), Reason(text))

    def serve(inner: Arrival) -> Branches[Outcome]:
        answered = apps.answer(inner, lambda request: _send(state, server, request, depth - 1))
        return tuple(
            Branch(b.weight, replace(b.value, hop=arrival.hop) if b.value.status else b.value, b.trace)
            for b in answered
        )

    if server.gateway:
        return gateway.receive(state, arrival, lambda inner: _arrive(state, inner, depth))
    if server.mesh is Mesh.ISTIO:
        return istio_inbound.receive(state, arrival, serve)
    if server.mesh is Mesh.LINKERD:
        return linkerd_inbound.receive(state, arrival, serve)
    return serve(arrival)


def _check_control_plane(state: State, pod: Pod) -> None:
    if pod.mesh is not None and pod.mesh not in state.meshes:
        raise NotModelledError(
            f"{pod.workload} still runs {pod.mesh.proxy}, but {pod.mesh} isn't installed any more",
            why="a proxy without its control plane goes by what it was told last",
            todo="restart the workload after the mesh is gone (or place its namespace in another mesh)",
        )
    if len(pod.proxies) > 1:
        raise NotModelledError(
            f"{pod.workload} has the proxies of two meshes",
            why="both take over the same connections",
            todo="inject one mesh only",
        )
