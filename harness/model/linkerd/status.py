"""What Linkerd's policy controller reports: of routes on their parents, EgressNetworks and rate limits.

[linkerd/linkerd2: policy-controller/k8s/status/src/index.rs]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.route import KINDS, Route
from harness.api.kubernetes.service import Service
from harness.api.linkerd import GROUP
from harness.api.linkerd.policy import HTTPLocalRateLimitPolicy
from harness.base.vocabulary import Mesh
from harness.model.linkerd import egress_network
from harness.model.linkerd.policy import port_policy
from harness.model.linkerd.routing import index
from harness.traffic.status import CONTROLLERS, ReportedCondition, Status, StatusParent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.gateway_api.reference import ParentRef, TargetRef
    from harness.base.resources import Resource
    from harness.model.state import State

_NO_PARENT, _NO_TARGET = "NoMatchingParent", "NoMatchingTarget"
_INVALID_KIND, _NOT_FOUND = "InvalidKind", "BackendNotFound"


def of(state: State, resource: Resource) -> Iterator[Status]:
    """Yields what it reports of an object; nothing of what it doesn't read."""
    if resource.kind in KINDS and resource.group in (gateway_api.GROUP, GROUP):
        if not index.why_unread(state, resource):
            yield from _route(state, Route.kept(resource))
    elif resource.group == GROUP and resource.kind == "EgressNetwork":
        overlaps = not egress_network.accepted(state, resource)
        yield Status("", (_accepted("EgressReasonNetworkOverlap" if overlaps else ""),))
    elif resource.group == GROUP and resource.kind == "HTTPLocalRateLimitPolicy":
        yield from _rate_limit(state, resource)


def _accepted(fault: str) -> ReportedCondition:
    return ReportedCondition.of("Accepted", fault)


def _route(state: State, route: Route) -> Iterator[Status]:
    for ref in route.parents:
        if ref.group not in index.GROUPS.get(ref.kind, ()):
            continue
        conditions = [_accepted(_fault(state, route, ref))]
        port = None
        if ref.kind != "Server":
            port = ref.port
            conditions.append(ReportedCondition.of("ResolvedRefs", _unresolved(state, route, ref)))
        parent = StatusParent(ref.kind, ref.namespace, ref.name, port=port)
        yield Status(CONTROLLERS[Mesh.LINKERD], tuple(conditions), parent)


def _fault(state: State, route: Route, ref: ParentRef) -> str:
    """The reason for which a parent doesn't take a route, empty if it does."""
    group = "" if ref.kind == "Service" else GROUP
    parent = state.get(group, ref.kind, ref.namespace, ref.name)
    if parent is None:
        return _NO_PARENT
    if ref.kind == "Service" and (Service.kept(parent).headless or Service.kept(parent).is_alias):
        return _NO_PARENT
    if ref.kind == "EgressNetwork" and not egress_network.accepted(state, parent):
        return _NO_PARENT
    rival = index.conflict(state, parent, route.resource.kind, ref.port)
    return "RouteReasonConflicted" if rival else ""


def _unresolved(state: State, route: Route, ref: ParentRef) -> str:
    """The reason for which the backends of a route don't resolve, the first one's; empty if all do."""
    backends = (backend for rule in route.rules for backend in rule.backends)
    return next(filter(None, (_missing(state, backend, ref) for backend in backends)), "")


def _missing(state: State, to: TargetRef, ref: ParentRef) -> str:
    if to.is_service:
        return "" if state.get("", "Service", to.namespace, to.name) else _NOT_FOUND
    if (to.group, to.kind) != (GROUP, "EgressNetwork"):
        return _INVALID_KIND
    if state.get(GROUP, to.kind, to.namespace, to.name) is None:
        return _NOT_FOUND
    same = (ref.kind, ref.namespace, ref.name) == (to.kind, to.namespace, to.name)
    return "" if same else _INVALID_KIND


def _rate_limit(state: State, resource: Resource) -> Iterator[Status]:
    """Of several policies for a Server the oldest is accepted, of one age the first by name."""
    target = HTTPLocalRateLimitPolicy.kept(resource).target
    if (target.group, target.kind) != (GROUP, "Server"):
        return
    if state.get(GROUP, "Server", resource.namespace, target.name) is None:
        yield Status("", (_accepted(_NO_TARGET),))
        return
    first = port_policy.rate_limits(state)[resource.namespace, target.name][0]
    yield Status("", (_accepted("" if first.resource == resource else "RateLimitReasonAlreadyExists"),))
