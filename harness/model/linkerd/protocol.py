"""What a client's proxy takes a connection for, and the routes that count on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.service import Service
from harness.api.linkerd.annotation import OPAQUE_PORTS
from harness.api.linkerd.ports import strict
from harness.base import explored
from harness.base.vocabulary import Mesh, Workload
from harness.model.linkerd import config, egress_network, ports
from harness.model.linkerd.balancer import OutboundCall
from harness.model.linkerd.routing import index
from harness.model.message import Endpoint
from harness.model.network.services import ServicePort
from harness.model.state import Pod
from harness.model.state.tables import per_key
from harness.traffic.trace import Action, Part, Step, Words, built_in, step, words

if TYPE_CHECKING:
    from harness.api.gateway_api.reference import ParentRef
    from harness.api.gateway_api.route import Route
    from harness.base.resources import Resource
    from harness.model.message import Answers, Arrival
    from harness.model.state import State

DETECT, HTTP1, HTTP2, OPAQUE, TLS = "detect", "HTTP/1", "HTTP/2", "opaque", "TLS"

_BY_APP_PROTOCOL = {"http": HTTP1, "kubernetes.io/h2c": HTTP2}
"""The values of a Service port's appProtocol that Linkerd knows; all others are opaque to it."""

_KINDS = {
    HTTP1: ("HTTPRoute",),
    HTTP2: ("GRPCRoute", "HTTPRoute"),
    OPAQUE: ("TCPRoute",),
    DETECT: index.PRECEDENCE,
}
_BY_KIND = {"GRPCRoute": HTTP2, "HTTPRoute": DETECT, "TLSRoute": TLS, "TCPRoute": OPAQUE}
"""What routes of a kind make of a port that declares nothing."""


@dataclass(frozen=True)
class Protocol:
    """The protocol, the routes of the one kind that counts (older first), and why others don't."""

    name: str
    routes: tuple[Route, ...]
    trace: tuple[Step, ...]


def of(call: OutboundCall) -> Protocol:
    """Returns what the policy controller tells the client's proxy of a connection.

    What the port declares decides, else the first kind of which there is a route:
    GRPCRoute, HTTPRoute, TLSRoute, TCPRoute [linkerd/linkerd2: policy-controller, grpc/outbound.rs].
    """
    parent = call.parent
    if parent is None:
        return _to_endpoint(call)

    return explored.of(_of_namespace, call.state, call.client.namespace, call.default, parent)


def _of_namespace(
    state: State, namespace: str, default: ServicePort | Endpoint, parent: Resource
) -> Protocol:
    client = Pod("", Workload(namespace, ""), {}, {}, "", ())  # no more of a client counts
    return _of_parent(state, OutboundCall(state, client, _nowhere, default, parent), parent)


def _nowhere(arrival: Arrival) -> Answers:
    raise AssertionError(f"{arrival} isn't sent")


@per_key(lambda call, parent: (parent.key, call.number, call.client.namespace))
def _of_parent(_: State, call: OutboundCall, parent: Resource) -> Protocol:
    declared, why = _declared(call, parent)
    counting: tuple[Route, ...] = ()
    lost: list[Step] = []
    for kind in index.PRECEDENCE:
        own, passed = _attached(call, parent, kind)
        lost += passed
        if own and kind not in _KINDS[declared]:
            lost += _not_counting(own, Action.IGNORED, "a port that is {} follows no {}", declared, kind)
        elif own and counting:
            text, first = "a {} on {} comes before {}s", counting[0].resource.kind
            lost += _not_counting(own, Action.OUTRANKED, text, first, parent, kind)
        elif own:
            counting = tuple(own)
    name = declared
    if counting and declared == DETECT:
        name = _BY_KIND[counting[0].resource.kind]
    if name == OPAQUE and len(counting) > 1:
        text, oldest = "{} is older: one TCPRoute counts", counting[0].resource
        lost += _not_counting(list(counting[1:]), Action.OUTRANKED, text, oldest)
        counting = counting[:1]
    return Protocol(name, counting, (*why, *lost))


def _to_endpoint(call: OutboundCall) -> Protocol:
    """What a pod that is dialled by its own address is taken for; outside of the cluster HTTP is detected."""
    endpoint = call.default
    if (
        isinstance(endpoint, Endpoint)
        and endpoint.pod.mesh is Mesh.LINKERD
        and ports.opaque_to_clients(call.state, endpoint.pod, endpoint.port)
    ):
        why = built_in(Action.DETECTED, "port {} of {} is opaque", endpoint.port, endpoint.pod.workload)
        return Protocol(OPAQUE, (), (why,))
    return Protocol(DETECT, (), ())


def _declared(call: OutboundCall, parent: Resource) -> tuple[str, tuple[Step, ...]]:
    app = call.default.app_protocol.lower() if isinstance(call.default, ServicePort) else ""
    if app in _BY_APP_PROTOCOL:
        return _BY_APP_PROTOCOL[app], ()
    if app:
        text = "appProtocol {} is opaque to Linkerd"
        return OPAQUE, (step(parent, "spec.ports", Action.DETECTED, text, app),)
    if parent.kind == "Service":
        opaque = ports.opaque_of_service(call.state, parent)
    else:
        written = annotations_of(parent).get(OPAQUE_PORTS)
        opaque = config.of(call.state).opaque_ports if written is None else strict(written)
    if call.number in opaque:
        text, field = "port {} is opaque (there, or by default)", f"annotation {OPAQUE_PORTS}"
        return OPAQUE, (step(parent, field, Action.DETECTED, text, call.number),)
    return DETECT, ()


def _not_counting(listed: list[Route], action: Action, text: str, *parts: Part) -> list[Step]:
    return [step(route.resource, "spec.parentRefs", action, text, *parts) for route in listed]


def _attached(call: OutboundCall, parent: Resource, kind: str) -> tuple[list[Route], list[Step]]:
    """The routes of a kind for this client (consumers' beside producers'), oldest first; why not others."""
    indexed, lost = index.indexed(call.state, kind, parent)
    attached = []
    for route in indexed:
        if not route.parents and route.resource.namespace == parent.namespace:
            lost.append(step(route.resource, "spec.parentRefs", Action.IGNORED, "names no parent: no effect"))
        for named in route.parents:
            why = _detached(call, parent, route, named)
            if why == "":
                attached.append(route)
                break
            if why:
                lost.append(step(route.resource, named.path, Action.UNMATCHED, "{}", why))
    return attached, lost


def _detached(call: OutboundCall, parent: Resource, route: Route, named: ParentRef) -> Words | str | None:
    """Why a route's parentRef doesn't attach it for this client: empty if it does, None if it's another's."""
    namespace = route.resource.namespace
    why = named.detached(parent, call.number, index.GROUPS[parent.kind])
    if why != "":
        return why
    if parent.kind == "Service" and Service.kept(parent).headless:
        return "the Service is headless: not accepted (NoMatchingParent)"
    if parent.kind == "EgressNetwork" and not egress_network.accepted(call.state, parent):
        return "the EgressNetwork reaches into the cluster's networks: not accepted"
    if namespace not in (parent.namespace, call.client.namespace):
        return f"is a consumer route: for clients in {namespace} only"
    other = index.conflict(call.state, parent, route.resource.kind, named.port)
    if other is not None:
        return words("{} names the same parent: not accepted (RouteReasonConflicted)", other)
    return ""
