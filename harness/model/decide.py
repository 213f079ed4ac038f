"""What becomes of a request: from the client's pod, through the proxies, to an application."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.service import Service
from harness.base.errors import NotModelledError
from harness.base.networks import is_address
from harness.base.records import with_fields
from harness.model import app_ports, apps, double_injection, planes
from harness.model.distribution import Branch, after, certain, pooled, shares, tally, then, unmodelled
from harness.model.message import Answers, Arrival, ClientSide, Endpoint, Message
from harness.model.network import dns, network_policy
from harness.model.network.addresses import leads_out
from harness.model.network.services import endpoints, enter_by_kube_proxy, service_port
from harness.traffic.between import narrowed
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes
from harness.traffic.trace import Action, Arrivals, Step, built_in, step

if TYPE_CHECKING:
    from harness.model.data_plane import DataPlane
    from harness.model.state import Pod, State
    from harness.traffic.request import Request

_OWN_HOST = ("localhost", "127.0.0.1", "::1")
"""What a pod calls itself: kube-proxy and proxies leave that alone."""

_MAX_DEPTH = 8
"""Applications call applications, and gateways send on; a longer chain than this is taken for a loop."""


def decide(state: State, request: Request) -> Outcomes:
    """Returns what comes back of a request: exact probabilities, each with its trace.

    Raises NotModelledError where something takes part that the model doesn't understand.
    """
    return Outcomes(_merged(paths(state, request)))


def paths(state: State, request: Request) -> Answers:
    """Returns each way that a request may take, with what comes back: of equal answers none is left out."""
    if request.through is None:
        return sent(state, _client(state, request), request, Message.of(request))
    return entering(state, request, Message.of(request))


def sent(state: State, client: Pod, request: Request, message: Message) -> Answers:
    """Returns the same for a message that a pod sends to where a request leads."""
    return _send(state, client, request, message, _MAX_DEPTH)


def entering(state: State, request: Request, message: Message) -> Answers:
    """Returns the same for a message from outside, to the gateway that a request goes through."""
    return enter_by_kube_proxy(state, request, message, lambda arrival: _arrive(state, arrival, _MAX_DEPTH))


def arrivals(state: State, request: Request) -> tuple[Outcomes, Arrivals | None]:
    """Returns what comes back of a request, and how many arrive at applications meanwhile."""
    branches = paths(state, request)
    return Outcomes(_merged(branches)), tally(branches)


def unguarded(state: State, request: Request) -> Outcomes | None:
    """Returns what the application behind a request's Service (or pod) answers, past every policy.

    None if no running pod is behind it. What the application itself asks others for goes the usual way.
    """
    client = _client(state, request)
    answer = dns.lookup(state, request.host, client.namespace) or dns.Lookup()
    port = service_port(answer.service, request.port) if answer.service and not answer.pods else None
    dialled = tuple(Endpoint(pod, request.port) for pod in answer.pods)
    places = endpoints(state, port) if port else dialled
    if not places:
        return None

    def dial(endpoint: Endpoint) -> Answers:
        arrival = Arrival(client, endpoint.pod, endpoint.port, Message.of(request))
        if endpoint.pod.gateway:  # it is itself what answers
            return _arrive(state, arrival, _MAX_DEPTH)
        return _application(state, arrival, endpoint.pod, _MAX_DEPTH)

    return Outcomes(_merged(then(shares((1, endpoint, ()) for endpoint in places), dial)))


def kubelet_asks(state: State, arrival: Arrival, *, by_agent: bool) -> Outcomes:
    """Returns what a pod answers its node's kubelet, or (`by_agent`) Istio's agent inside of the pod.

    NetworkPolicies don't count between a node and its pods, nor does a proxy's policy for its own agent.
    """
    if by_agent:
        return Outcomes(_merged(_application(state, arrival, arrival.server, _MAX_DEPTH)))
    return Outcomes(_merged(_received(state, arrival, _MAX_DEPTH)))


def _client(state: State, request: Request) -> Pod:
    pods = state.pods_of(request.source)
    if not pods:
        raise NotModelledError(
            f"there is no running workload {request.source}",
            why="requests are sent from a running pod",
            todo="deploy it, or name another workload",
        )
    return pods[0]


def unintercepted(client: Pod) -> Pod:
    """The pod without the proxy that is itself its gateway: what else it sends doesn't go through that."""
    if client.gateway is None:
        return client
    return with_fields(
        client, proxies=tuple(proxy for proxy in client.proxies if proxy.mesh is not client.gateway)
    )


def _merged(branches: Answers) -> tuple[Group, ...]:
    kept = pooled(branches)
    weights = narrowed({branch.value: branch.weight for branch in kept})
    if len(kept) < len(branches):  # of those that are the same each may have met something else
        every = unmodelled(branches)
        kept = tuple(
            replace(each, trace=(*each.trace, *(step for step in every if step not in each.trace)))
            for each in kept
        )
    return tuple(Group(branch.value, weights[branch.value], branch.trace) for branch in kept)


def _send(state: State, client: Pod, request: Request, message: Message, depth: int) -> Answers:
    if depth == 0:
        raise NotModelledError(f"{request} never ends: applications call each other in a circle")
    client = unintercepted(client)
    plane = planes.of(client)
    if past := plane.outbound_bypass(state, client, request.port):
        return after(_send(state, with_fields(client, proxies=()), request, message, depth), past)
    _check_control_plane(state, client)
    if len(client.proxies) > 1:
        return double_injection.sending(client)
    asking = network_policy.names(state, client)
    if not is_address(request.host) and not asking.allowed:
        unanswered = built_in(Action.FAILED, "the pod can't ask the cluster's DNS: no name resolves")
        return certain(Outcome(failure=Failure.RESOLVE), *asking.trace, unanswered)
    side = ClientSide(state, client, lambda arrival: _arrive(state, arrival, depth))
    if request.host.lower() in _OWN_HOST:
        if (own := plane.own(side, request.port, message)) is not None:
            return own
        text = "{} is the pod itself: no proxy takes that"
        alone = Arrival(client, with_fields(client, proxies=()), request.port, message)
        return after(side.deliver(alone), built_in(Action.LED, text, request.host))
    answer = dns.lookup(state, request.host, client.namespace, client.resolver)
    answer = answer or dns.Lookup(outside=request.host)
    lost = answer.outside and not leads_out(state, answer.outside, client.namespace)
    if lost and request.port not in answer.on_node and not plane.takes(state, client, request.host):
        if is_address(request.host):
            why = "it is in the cluster, but no Service or pod is known to have it: a dump tells addresses"
            raise NotModelledError(f"{request} isn't modelled", why=why, todo="dial a name")
        text = "no Service is called {} in {}, nor is it a name elsewhere"
        unknown = built_in(Action.FAILED, text, request.host, client.namespace)
        return certain(Outcome(failure=Failure.RESOLVE), unknown)
    service = answer.service

    def dial() -> Answers:
        picked = dns.picked(answer, request.port)
        return then(picked, lambda endpoint: plane.dial(side, service, endpoint, message))

    if service is None:
        return dial()
    unread = (*planes.unread(state, plane, client, service), *double_injection.behind(state, service))
    if answer.pods:
        return after(dial(), *unread)
    if Service.kept(service).headless:
        text = "is headless and has no ready pods: its name has no address"
        addressless = step(service, "spec.clusterIP", Action.FAILED, text)
        return certain(Outcome(failure=Failure.RESOLVE), *unread, addressless)
    if service_port(service, request.port) is None and not plane.takes_any_port:
        text = "has no port {}, so nothing answers at its address"
        no_port = step(service, "spec.ports", Action.FAILED, text, request.port)
        return certain(Outcome(failure=Failure.TIMEOUT), no_port)
    return after(plane.send(side, service, request.port, message), *answer.trace, *unread)


def _arrive(state: State, arrival: Arrival, depth: int) -> Answers:
    """What a pod answers, if the network lets the connection through."""
    verdict = network_policy.arriving(state, arrival)
    if not verdict.allowed:
        return certain(Outcome(failure=Failure.TIMEOUT), *verdict.trace)
    return after(_received(state, arrival, depth), *verdict.trace)


def _received(state: State, arrival: Arrival, depth: int) -> Answers:
    """What a pod answers: its data plane takes the connection, unless that goes round it."""
    server = arrival.server
    if depth == 0:
        raise NotModelledError(
            f"a request that comes to {server.workload} without end isn't modelled",
            why="what it leads to asks, or sends it on to, the same pods again",
        )
    _check_control_plane(state, server)
    plane = planes.of(server)
    if past := plane.inbound_bypass(state, arrival):
        arrival = with_fields(arrival, server=with_fields(server, proxies=()))
        return after(_taken(state, planes.of(arrival.server), arrival, server, depth), past)
    return _taken(state, plane, arrival, server, depth)


def _taken(state: State, plane: DataPlane, arrival: Arrival, pod: Pod, depth: int) -> Answers:
    """What a data plane lets through to what runs in the pod."""
    server = arrival.server
    if server.outside:
        text = "{} is outside of the cluster: what answers there isn't known"
        host = f"[{server.ip}]" if ":" in server.ip else server.ip
        return certain(Outcome(external=f"{host}:{arrival.port}"), built_in(Action.LED, text, server.ip))
    if len(server.proxies) > 1:
        return double_injection.receiving(arrival)
    if arrival.tls is not None and arrival.tls is not plane.mesh:
        text = "{} has no {} proxy to end mutual TLS"
        failed = Outcome(failure=Failure.OTHER, detail="TLS handshake failed", hop=arrival.refused)
        return certain(failed, built_in(Action.FAILED, text, server.workload, arrival.tls))

    def onward(inner: Arrival) -> Answers:
        side = ClientSide(state, pod, lambda last: _arrive(state, last, depth - 1))
        return planes.of(pod).pass_on(side, inner)

    def serve(inner: Arrival) -> Answers:
        if pod.gateway is not None:
            return planes.GATEWAYS[pod.gateway](state, inner, onward)
        hop = with_fields(arrival.hop, opaque=inner.opaque)
        return tuple(
            Branch(b.weight, b.value if b.value.failure else with_fields(b.value, hop=hop), b.trace)
            for b in _application(state, inner, pod, depth - 1)
        )

    return plane.receive(state, arrival, serve, lambda inner: _arrive(state, inner, depth - 1))


def _application(state: State, arrival: Arrival, pod: Pod, depth: int) -> Answers:
    """What the application of a pod answers, at whose door no proxy stands any more."""
    if arrival.message.opaque:
        return app_ports.answer(state, arrival)
    return apps.answer(arrival, lambda request: _called(state, pod, request, depth))


def _called(state: State, pod: Pod, request: Request, depth: int) -> Answers:
    """What a pod's application gets of another: its reasons lie a step further from the first request."""
    words = "{} asks {} to answer", (pod.workload, request.url)
    answers = _send(state, pod, request, Message.of(request), depth)
    outside = next((branch.value.external for branch in answers if branch.value.external), "")
    if outside:
        raise NotModelledError(
            f"an answer of {pod.workload} that depends on {outside} isn't modelled",
            why=f"{request.url} leads out of the cluster, and what answers there isn't known",
        )
    return tuple(
        Branch(
            branch.weight,
            branch.value,
            (
                Step(Action.CALLED, *words, depth=1, outcome=branch.value),
                *(with_fields(r, depth=r.depth + 1) for r in branch.trace),
            ),
        )
        for branch in answers
    )


def _check_control_plane(state: State, pod: Pod) -> None:
    if pod.mesh is not None and pod.mesh not in state.meshes:
        raise NotModelledError(
            f"{pod.workload} still runs {pod.mesh.proxy}, but {pod.mesh} isn't installed any more",
            why="a proxy without its control plane goes by what it was told last",
            todo="restart the workload after the mesh is gone (or place its namespace in another mesh)",
        )
