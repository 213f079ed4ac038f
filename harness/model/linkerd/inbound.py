"""The server's side: what Linkerd's proxy lets through to its own pod."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import gateway_api, replies
from harness.model.distribution import Branches, after, certain, mapped
from harness.model.linkerd import authentication, filters, routes
from harness.model.linkerd.authentication import GROUP, Authorization
from harness.model.message import Message
from harness.model.objects import label_selector, labels_of, not_modelled, reason, spec_of
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.gateway_api import Route
    from harness.model.hop import Arrival, Deliver
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource

_POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "deny",
    "audit",
)
_INSTALLED_POLICY = _POLICIES[0]
_HTTP1, _HTTP2 = ("HTTP/1",), ("HTTP/2", "gRPC")
_DEFAULT_POLICY = "config.linkerd.io/default-inbound-policy"


def receive(state: State, arrival: Arrival, serve: Deliver) -> Branches[Outcome]:
    """Returns what a request gets from a pod with Linkerd's proxy; `serve` is its application.

    The Server on the port decides, else the pod's default policy. Denied: 403 with an empty
    body (gRPC: PERMISSION_DENIED); no route on the Server matches: 404 (gRPC: NOT_FOUND). The
    application is told a meshed client's identity in l5d-client-id, and no other.
    """
    server = _server(state, arrival.server, arrival.port)
    protocol = spec_of(server).get("proxyProtocol", "unknown") if server else "unknown"
    if server is not None and protocol in ("opaque", "TLS"):
        return _opaque(state, arrival, server, serve)
    if server is not None and protocol in (_HTTP1 if arrival.message.grpc else _HTTP2):
        raise not_modelled(server, "spec.proxyProtocol", f"a request in another protocol than {protocol}")
    attached, authorizations, trace = _policy(state, arrival.server, server)
    if not attached:
        probed = arrival.server.probe_paths(arrival.port)
        if arrival.message.method == "GET" and arrival.message.path in probed:
            text = f"{arrival.message.path} is a probe's path: open to everyone"
            return after(_served(arrival, serve), *trace, Reason(text))
        verdict, why = _authorized(authorizations, arrival)
        return after(_served(arrival, serve) if verdict else _denied(arrival), *trace, *why)
    taken = routes.best(attached, arrival.message)
    if not isinstance(taken, routes.Taken):
        text = f"routes on {server} don't take the request: 404"
        answer = replace(replies.linkerd(arrival.message, 404), hop=arrival.hop)
        return certain(answer, *trace, *taken, Reason(text))
    of_route, lost = _of_route(state, taken.route)
    verdict, why = _authorized((*authorizations, *of_route), arrival)
    trace = (*trace, *_refused_probes(state, arrival, attached, authorizations))
    trace = (*trace, *taken.trace, *lost, *why)
    if not verdict:
        return after(_denied(arrival), *trace)
    changed = filters.apply(arrival.message, taken)
    if isinstance(changed, filters.Redirected):
        return certain(replace(changed.answer, hop=arrival.hop), *trace, changed.why)
    served = _served(replace(arrival, message=changed.message), serve)
    back = mapped(served, lambda outcome: replace(outcome, headers=changed.on_response(outcome.headers)))
    return after(back, *trace)


def _server(state: State, pod: Pod, port: int) -> Resource | None:
    """The Server that selects a pod's port, the oldest of several."""
    for server in state.all(GROUP, "Server", pod.namespace):
        spec = spec_of(server)
        if label_selector(spec.get("podSelector"), pod.labels) and pod.port(spec["port"]) == port:
            return server
    return None


Policy = tuple[list["Route"], tuple[Authorization, ...], tuple[Reason, ...]]


def _policy(state: State, pod: Pod, server: Resource | None) -> Policy:
    """The routes and authorizations in force at a pod's port, and where they come from."""
    if server is None:
        said = pod.annotations.get(_DEFAULT_POLICY, _INSTALLED_POLICY)
        policy = said if said in _POLICIES else _INSTALLED_POLICY
        text = f"no Server selects {pod.workload}'s port: its default inbound policy is {policy}"
        return [], authentication.of_default(policy), (Reason(text), *_without_server(state, pod))
    authorizations, lost = _of_server(state, server)
    access = spec_of(server).get("accessPolicy") or "deny"
    text = f"selects {pod.workload}; its accessPolicy is {access}"
    trace = (reason(server, "spec.podSelector", text), *lost)
    grpc = spec_of(server).get("proxyProtocol") == "gRPC"
    found, ignored = routes.indexed(state, "GRPCRoute" if grpc else "HTTPRoute")
    attached = [route for route in found if _attaches(route, server)]
    here = tuple(one for one in ignored if f" {server.namespace}/" in one.resource)
    return attached, (*authorizations, *authentication.of_default(access)), (*trace, *here)


def _without_server(state: State, pod: Pod) -> tuple[Reason, ...]:
    """Policies for the namespace have nothing to open where no Server selects the port."""
    return tuple(
        reason(policy, "spec.targetRef", "targets the Namespace: acts through Servers only", lost=True)
        for policy in state.all(GROUP, "AuthorizationPolicy", pod.namespace)
        if spec_of(policy)["targetRef"]["kind"] == "Namespace"
    )


def _attaches(route: Route, server: Resource) -> bool:
    return any(
        (parent.group, parent.kind, parent.namespace, parent.name)
        == (GROUP, "Server", server.namespace, server.name)
        for parent in route.parents
    )


def _of_server(state: State, server: Resource) -> tuple[tuple[Authorization, ...], list[Reason]]:
    found = [
        authentication.of_server_authorization(one)
        for one in state.all(GROUP, "ServerAuthorization", server.namespace)
        if _selects_server(spec_of(one).get("server") or {}, server)
    ]
    lost: list[Reason] = []
    for policy in state.all(GROUP, "AuthorizationPolicy", server.namespace):
        target = spec_of(policy)["targetRef"]
        own = target["kind"] == "Server" and target["name"] == server.name
        if own or target["kind"] == "Namespace":
            made = authentication.of_policy(state, policy)
            found.append(made) if isinstance(made, Authorization) else lost.append(made)
    return tuple(found), lost


def _selects_server(part: dict[str, object], server: Resource) -> bool:
    if part.get("name"):
        return part["name"] == server.name
    selector = part.get("selector")
    return isinstance(selector, dict) and label_selector(selector, labels_of(server))


def _of_route(state: State, route: Route) -> tuple[tuple[Authorization, ...], list[Reason]]:
    resource = route.resource
    found, lost = [], []
    for policy in state.all(GROUP, "AuthorizationPolicy", resource.namespace):
        target = spec_of(policy)["targetRef"]
        group = target.get("group") or gateway_api.GROUP
        if (group, target["kind"], target["name"]) == (resource.group, resource.kind, resource.name):
            made = authentication.of_policy(state, policy)
            found.append(made) if isinstance(made, Authorization) else lost.append(made)
    return tuple(found), lost


def _refused_probes(
    state: State, arrival: Arrival, attached: list[Route], authorizations: tuple[Authorization, ...]
) -> tuple[Reason, ...]:
    """Routes end the openness of probe paths: tells which of the kubelet's probes are refused now."""
    found = []
    for path in arrival.server.probe_paths(arrival.port):
        taken = routes.best(attached, Message("GET", path, "", "", ()))
        open_to = authorizations
        if isinstance(taken, routes.Taken):
            open_to = (*authorizations, *_of_route(state, taken.route)[0])
        if not isinstance(taken, routes.Taken) or all(one.identities is not None for one in open_to):
            text = f"the kubelet's probe of {path} is refused: {arrival.server.workload} will turn not ready"
            found.append(Reason(text, lost=True))
    return tuple(found)


def _authorized(
    authorizations: tuple[Authorization, ...], arrival: Arrival
) -> tuple[bool, tuple[Reason, ...]]:
    """Whether one authorization admits the client; several policies are ORed."""
    passed: list[Reason] = []
    for one in authorizations:
        if one.admits(arrival):
            return True, (*passed, one.reason(f"admits {arrival.client.workload}"))
        passed.append(one.reason(f"doesn't admit {arrival.client.workload}", lost=True))
    return False, (*passed, Reason("no authorization admits the client: 403"))


def _denied(arrival: Arrival) -> Branches[Outcome]:
    return certain(replace(replies.linkerd(arrival.message, 403), hop=arrival.hop))


def _served(arrival: Arrival, serve: Deliver) -> Branches[Outcome]:
    message = arrival.message.without(["l5d-client-id"])
    if arrival.tls is Mesh.LINKERD:
        message = message.plus(("l5d-client-id", arrival.client.dns_identity))

    def connected(outcome: Outcome) -> Outcome:
        if outcome.failure is None:
            return outcome
        return replace(replies.linkerd(message, 502, close=True), hop=arrival.hop)

    return mapped(serve(replace(arrival, message=message)), connected)


def _opaque(state: State, arrival: Arrival, server: Resource, serve: Deliver) -> Branches[Outcome]:
    """An opaque port is authorized by connection: a denied one is reset; nothing is added to requests."""
    _, authorizations, trace = _policy(state, arrival.server, server)
    protocol = spec_of(server)["proxyProtocol"]
    opaque = reason(server, "spec.proxyProtocol", f"is {protocol}: connections, not requests, are decided on")
    verdict, why = _authorized(authorizations, arrival)
    if not verdict:
        reset = Outcome(failure=Failure.RESET, hop=arrival.hop)
        return certain(reset, *trace, opaque, *why)
    return after(serve(arrival), *trace, opaque, *why)
