"""What becomes of a request: from the client's pod, through the proxies, to an application."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import NotModelledError
from harness.model import apps, gateway_api
from harness.model.distribution import Branch, Branches, after, certain, pooled, shares, then
from harness.model.hop import Arrival
from harness.model.istio import gateway, sidecar, virtual_service
from harness.model.istio import inbound as istio_inbound
from harness.model.istio.hosts import covers
from harness.model.kubernetes import endpoints, fqdn, resolve, service_port
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
    return Outcomes(_merged(_send(state, _client(state, request), request, _MAX_DEPTH)))


def unguarded(state: State, request: Request) -> Outcomes | None:
    """Returns what the application behind a request's Service answers, past every proxy's policy.

    None if no running pod is behind it. What the application itself asks others for goes the usual way.
    """
    client = _client(state, request)
    service = resolve(state, request.host, client.namespace)
    port = service_port(service, request.port) if service else None
    found = endpoints(state, port) if port else ()
    if not found:
        return None

    def dial(endpoint: Endpoint) -> Branches[Outcome]:
        arrival = Arrival(client, endpoint.pod, endpoint.port, Message.of(request))
        if endpoint.pod.gateway:  # it is itself what answers
            return _arrive(state, arrival, _MAX_DEPTH)
        return apps.answer(arrival, lambda asked: _send(state, endpoint.pod, asked, _MAX_DEPTH))

    return Outcomes(_merged(then(shares((1, endpoint, ()) for endpoint in found), dial)))


def _client(state: State, request: Request) -> Pod:
    pods = state.pods_of(request.source)
    if not pods:
        raise NotModelledError(
            f"there is no running workload {request.source}",
            why="requests are sent from a running pod",
            todo="deploy it, or name another workload",
        )
    return pods[0]


def _merged(branches: Branches[Outcome]) -> tuple[Group, ...]:
    return tuple(Group(one.value, one.weight, one.trace) for one in pooled(branches))


def _send(state: State, client: Pod, request: Request, depth: int) -> Branches[Outcome]:
    if depth == 0:
        raise NotModelledError(f"{request} never ends: applications call each other in a circle")
    if request.tls or request.tcp:
        raise NotModelledError(f"{request} isn't modelled", why="it isn't plain HTTP")
    _check_control_plane(state, client)
    service = resolve(state, request.host, client.namespace)
    if service is None:
        text = f"no Service is called {request.host} in {client.namespace}; names elsewhere aren't resolved"
        return certain(Outcome(failure=Failure.RESOLVE), Reason(text))

    def deliver(arrival: Arrival) -> Branches[Outcome]:
        return _arrive(state, arrival, depth)

    message = Message.of(request)
    ignored = _ignored(state, client, service)
    if client.mesh is Mesh.LINKERD:
        return after(outbound.send(state, client, service, request.port, message, deliver), *ignored)
    port = service_port(service, request.port)
    if port is None:
        text = f"has no port {request.port}, so nothing answers at its address"
        return certain(Outcome(failure=Failure.TIMEOUT), reason(service, "spec.ports", text))
    if client.mesh is Mesh.ISTIO:
        return after(sidecar.send(state, client, port, message, deliver), *ignored)
    found = endpoints(state, port)
    return after(_unmeshed(client, service, found, message, deliver), *ignored)


def _unmeshed(
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
    text = "its only pod"
    if len(found) > 1:
        text = f"{len(found)} pods, one by connection: which gets which share isn't specified"
    trace = (reason(service, "spec.selector", text),)

    def dial(endpoint: Endpoint) -> Branches[Outcome]:
        return deliver(Arrival(client, endpoint.pod, endpoint.port, message))

    return then(shares((1, endpoint, trace) for endpoint in found), dial)


def _ignored(state: State, client: Pod, service: Resource) -> tuple[Reason, ...]:
    """Routes of the Service that don't count, because the client lacks the proxy that reads them."""
    found: list[tuple[Resource, str]] = []
    if client.mesh is not Mesh.ISTIO:
        found += [
            (rules, "spec.hosts")
            for rules in state.all("networking.istio.io", "VirtualService")
            if "mesh" in virtual_service.gateways(rules)
            and any(covers(host, fqdn(service)) for host in virtual_service.hosts(rules))
        ]
    groups = (() if client.mesh else (gateway_api.GROUP,)) + (
        () if client.mesh is Mesh.LINKERD else ("policy.linkerd.io",)
    )
    wanted = ("Service", service.namespace, service.name)
    for group in groups:
        for kind in ("HTTPRoute", "GRPCRoute"):
            for route in map(gateway_api.parse, state.all(group, kind)):
                if any((p.kind, p.namespace, p.name) == wanted for p in route.parents):
                    found.append((route.resource, "spec.parentRefs"))
    lacking = "Linkerd's, not Istio's," if client.mesh is Mesh.LINKERD else "no"
    if client.mesh is Mesh.ISTIO:
        lacking = "Istio's, not Linkerd's,"
    return tuple(
        reason(resource, field, f"doesn't count: {client.workload} has {lacking} proxy", lost=True)
        for resource, field in found
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
