"""What Istio's gateway controller reports: of Gateways and ListenerSets, and of routes on their parents.

[istio/istio: pilot/pkg/config/kube/gateway, conversion.go, conditions.go and gateway_collection.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.backend_tls import BackendTLSPolicy
from harness.api.gateway_api.gateway import GatewayClass, KubernetesGateway, ListenerSet
from harness.api.gateway_api.route import KINDS, Route
from harness.api.istio.hosts import within
from harness.base.vocabulary import Mesh
from harness.model.istio import revision
from harness.model.istio.gateway import attachment, deployment, listener_set, references
from harness.model.istio.gateway import listener as gateway_listener
from harness.model.istio.gateway.programming import programmed
from harness.model.istio.upstream import backend_tls
from harness.model.network import attachment as parents
from harness.traffic.status import CONTROLLERS, ReportedCondition, Status, StatusParent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.gateway_api.gateway import Listener
    from harness.api.gateway_api.reference import ParentRef
    from harness.base.resources import Resource
    from harness.model.state import State

CONTROLLER, MESH_CONTROLLER = CONTROLLERS[Mesh.ISTIO], "istio.io/mesh-controller"

_ACCEPTED, _RESOLVED, _PROGRAMMED = "Accepted", "ResolvedRefs", "Programmed"
_NOT_ALLOWED, _NO_HOSTNAME, _NO_PARENT = (
    "NotAllowedByListeners",
    "NoMatchingListenerHostname",
    "NoMatchingParent",
)
_RANKS = ("", _NOT_ALLOWED, _NO_HOSTNAME, _NO_PARENT)
"""Of what several listeners say of a route the first counts."""


def of(state: State, resource: Resource) -> Iterator[Status]:
    """Yields what it reports of an object; nothing of what it doesn't read, or takes for another's."""
    if resource.group != GROUP or state.served.unread(Mesh.ISTIO, resource.kind):
        return
    if resource.kind != "Gateway" and revision.is_foreign(state, resource):
        return
    if resource.kind == "GatewayClass":
        if GatewayClass.kept(resource).controller == CONTROLLER:
            yield Status("", (ReportedCondition.of(_ACCEPTED, ""),))
    elif resource.kind == "Gateway":
        if deployment.implemented(state, resource) and revision.deploys(state, resource):
            yield from _gateway(state, resource)
    elif resource.kind == "ListenerSet":
        yield from _listener_set(state, ListenerSet.kept(resource))
    elif resource.kind == "BackendTLSPolicy":
        yield from _backend_tls(state, BackendTLSPolicy.kept(resource))
    elif resource.kind in KINDS:
        yield from _route(state, Route.kept(resource))


def _gateway(state: State, resource: Resource) -> Iterator[Status]:
    gateway = KubernetesGateway.kept(resource)
    listeners = list(_listeners(state, resource, resource)) if deployment.services(resource) else []
    valid = sum(is_valid for _, is_valid in listeners)
    parameters = "InvalidParameters" if deployment.faulty_parameters(state, resource) else ""
    fault, reason = _unsupported(resource) or parameters, ""
    if not fault and valid < len(gateway.listeners):
        fault, reason = ("", "ListenersNotValid") if valid else ("ListenersNotValid", "")
    shown = references.backend_certificate(state, gateway)
    conditions = [ReportedCondition.of(_ACCEPTED, fault, reason), ReportedCondition.of(_RESOLVED, shown)]
    if any(asked.mode == "AllowInsecureFallback" for asked in gateway.tls.frontend.asked):
        conditions.append(ReportedCondition("InsecureFrontendValidationMode", "True", "ConfigurationChanged"))
    yield _with_programming(programmed(state, resource), conditions)
    yield from (status for status, _ in listeners)


def _unsupported(gateway: Resource) -> str:
    """The reason for which not all addresses of a Gateway are taken, empty if they are."""
    reading = KubernetesGateway.kept(gateway)
    named = all(address.type == "Hostname" for address in reading.addresses)
    return "" if named or reading.is_deployed else "UnsupportedAddress"


def _with_programming(fault: str | None, conditions: list[ReportedCondition]) -> Status:
    if fault is None:
        return Status("", tuple(conditions), open=(_PROGRAMMED,))
    return Status("", (*conditions, ReportedCondition.of(_PROGRAMMED, fault)))


def _listener_set(state: State, listeners: ListenerSet) -> Iterator[Status]:
    gateway = listener_set.parent(state, listeners)
    if gateway is None or not deployment.implemented(state, gateway):
        return
    own = listeners.resource
    if not listener_set.allowed(state, gateway, own.namespace):
        yield Status("", tuple(ReportedCondition.of(kind, "NotAllowed") for kind in (_ACCEPTED, _PROGRAMMED)))
        return
    unserved = not deployment.services(gateway)
    reported = [] if unserved else list(_listeners(state, gateway, own))
    invalid = "" if unserved or any(is_valid for _, is_valid in reported) else "ListenersNotValid"
    accepted = ReportedCondition.of(_ACCEPTED, _unsupported(gateway) or invalid)
    yield _with_programming(invalid or programmed(state, gateway), [accepted])
    yield from (status for status, _ in reported)


def _listeners(state: State, gateway: Resource, owner: Resource) -> Iterator[tuple[Status, bool]]:
    """What is reported of the listeners of a Gateway, or of a ListenerSet on it; whether each is valid."""
    every = listener_set.merged(state, gateway)
    for listener, conflict in zip(every, listener_set.conflicts(every), strict=True):
        if listener.resource == owner:
            faults, is_valid = _faults(state, listener) if not conflict else _shut_out(conflict)
            if gateway_listener.unknown_kinds(listener):
                faults[_RESOLVED] = "InvalidRouteKinds"
            conditions = [ReportedCondition.of(kind, fault) for kind, fault in faults.items()]
            reason = conflict or "NoConflicts"
            conditions.append(ReportedCondition("Conflicted", "True" if conflict else "False", reason))
            routes = _attached(state, owner, listener)
            kinds = tuple(sorted(gateway_listener.kinds(listener)))
            status = Status("", tuple(conditions), listener=listener.name, routes=routes, kinds=kinds)
            yield status, is_valid


def _shut_out(conflict: str) -> tuple[dict[str, str], bool]:
    return {_ACCEPTED: conflict, _PROGRAMMED: conflict}, False


def _faults(state: State, listener: Listener) -> tuple[dict[str, str], bool]:
    faults = dict.fromkeys((_ACCEPTED, _PROGRAMMED, _RESOLVED), "")
    if unusable := gateway_listener.fault(state, listener):
        faults[_RESOLVED], faults[_PROGRAMMED] = unusable[0], "Invalid"
        if unusable[0] in ("InvalidCACertificateRef", "InvalidCACertificateKind", "RefNotPermitted"):
            faults[_ACCEPTED] = "NoValidCACertificate"
    of_set = listener.resource.key[:2] == ListenerSet.KIND
    lacking = of_set and listener.tls is None and listener.protocol in ("HTTPS", "TLS")
    if lacking:
        faults[_PROGRAMMED] = "Invalid"
    if lacking or not gateway_listener.is_known(listener):
        faults[_ACCEPTED] = "UnsupportedProtocol"
    return faults, not any(faults.values())


def _route(state: State, route: Route) -> Iterator[Status]:
    for ref in route.parents:
        in_mesh = references.is_in_mesh(ref)
        denied = _denied_in_mesh(state, ref) if in_mesh else _denied_at_gateway(state, route, ref)
        if not denied:
            continue
        fault = references.fault(state, route, in_mesh=in_mesh)
        conditions = (
            ReportedCondition.of(_ACCEPTED, min(denied, key=_RANKS.index)),
            ReportedCondition.of(_RESOLVED, fault),
        )
        parent = StatusParent(ref.kind, ref.namespace, ref.name, ref.section, ref.port)
        yield Status(CONTROLLER, conditions, parent)


def _backend_tls(state: State, policy: BackendTLSPolicy) -> Iterator[Status]:
    """What is reported on its targets, and as on the last one on Gateways with routes to any of them."""
    conditions: tuple[ReportedCondition, ...] = ()
    if backend_tls.is_ignored(policy.resource):
        for target in policy.targets:
            parent = StatusParent(target.kind, target.namespace, target.name, target.section)
            yield Status(MESH_CONTROLLER, (ReportedCondition.of(_ACCEPTED, "IgnoredByIstio"),), parent)
        return
    for target in policy.targets:
        faults = backend_tls.faults(state, policy, target)
        conditions = (
            ReportedCondition.of(_ACCEPTED, faults.accepted),
            ReportedCondition.of(_RESOLVED, faults.resolved),
        )
        parent = StatusParent(target.kind, target.namespace, target.name, target.section)
        yield Status(MESH_CONTROLLER, conditions, parent)
    for namespace, name in sorted(set(_ancestors(state, policy))):
        yield Status(CONTROLLER, conditions, StatusParent("Gateway", namespace, name))


def _ancestors(state: State, policy: BackendTLSPolicy) -> Iterator[tuple[str, str]]:
    """The Gateways that routes to a policy's targets name."""
    targets = {(target.kind, target.namespace, target.name) for target in policy.targets}
    for kind in KINDS:
        for route in map(Route.kept, revision.acting(state, GROUP, kind)):
            backends = (backend for rule in route.rules for backend in rule.backends)
            if targets & {(each.kind, each.namespace, each.name) for each in backends}:
                yield from ((ref.namespace, ref.name) for ref in route.parents if ref.kind == "Gateway")


def _denied_in_mesh(state: State, ref: ParentRef) -> list[str]:
    there = state.get(ref.group or "", ref.kind, ref.namespace, ref.name) is not None
    return ["" if there else _NO_PARENT]


def _denied_at_gateway(state: State, route: Route, ref: ParentRef) -> list[str]:
    """Why each listener of a Gateway or ListenerSet doesn't take a route, empty if it does; none: nothing."""
    group = GROUP if ref.group is None else ref.group
    owner = state.get(GROUP, ref.kind, ref.namespace, ref.name) if ref.kind in attachment.PARENTS else None
    if group != GROUP or owner is None:
        return []
    return [_denied(state, route, ref, listener) for listener in _open(state, owner)]


def _open(state: State, owner: Resource) -> list[Listener]:
    """The listeners to which routes can attach: those that nothing shuts out, of a ListenerSet the valid."""
    of_set = owner.kind == "ListenerSet"
    gateway = listener_set.parent(state, ListenerSet.kept(owner)) if of_set else owner
    if gateway is None or not deployment.implemented(state, gateway) or not deployment.services(gateway):
        return []
    return [
        listener
        for listener in gateway_listener.offered(state, gateway)
        if listener.resource == owner and (not of_set or _faults(state, listener)[1])
    ]


def _denied(state: State, route: Route, ref: ParentRef, listener: Listener) -> str:
    if ref.port is not None and ref.port != listener.port:
        return _NO_PARENT
    if ref.section and ref.section != listener.name:
        return _NO_PARENT
    own, names = listener.hostname, [name.lower() for name in route.hostnames or ("*",)]
    if not any(within(name, own) or within(own, name) for name in names):
        return _NO_HOSTNAME
    if not gateway_listener.admits(state, listener, route.resource.namespace):
        return _NOT_ALLOWED
    return "" if route.resource.kind in gateway_listener.kinds(listener) else _NOT_ALLOWED


def _attached(state: State, owner: Resource, listener: Listener) -> int:
    """How many routes are on a listener."""
    if listener not in _open(state, owner):
        return 0
    routes = (Route.kept(stored.live) for stored in parents.naming(state, owner))
    return sum(
        _denied(state, route, ref, listener) == ""
        for route in routes
        if route.resource.group == GROUP
        and not state.served.unread(Mesh.ISTIO, route.resource.kind)
        and not revision.is_foreign(state, route.resource)
        for ref in route.parents
        if (GROUP if ref.group is None else ref.group, ref.kind, ref.namespace, ref.name) == owner.key
    )
