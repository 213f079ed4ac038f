"""What objects of the Gateway API refer to, as Istio resolves it: backends, mirrors, certificates.

[istio/istio: pilot/pkg/config/kube/gateway/conversion.go, buildDestination and what asks it]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.registry import GROUP as ISTIO
from harness.api.istio.registry import ServiceEntry
from harness.api.kubernetes.secret import Secret
from harness.model.istio.gateway.listener import permits
from harness.model.network.dns import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.gateway_api.gateway import KubernetesGateway
    from harness.api.gateway_api.reference import ParentRef, TargetRef
    from harness.api.gateway_api.route import Route, RouteRule
    from harness.model.state import State

_MESH_PARENTS = (("", "Service"), (ISTIO, "ServiceEntry"))
_SERVICE_IMPORT = ("multicluster.x-k8s.io", "ServiceImport")

_NOT_PERMITTED, _NOT_FOUND, _INVALID_KIND = "RefNotPermitted", "BackendNotFound", "InvalidKind"
_SOFT = (_NOT_PERMITTED, _NOT_FOUND, _INVALID_KIND)
"""Faults of single backends: the others of a rule, and the other rules, go on."""
_FILTER, _DESTINATION = "InvalidFilter", "InvalidDestination"


def is_in_mesh(ref: ParentRef) -> bool:
    """Returns whether a route's parent is a Service or ServiceEntry, as Istio knows them."""
    return (ref.group, ref.kind) in _MESH_PARENTS


def fault(state: State, route: Route, *, in_mesh: bool) -> str:
    """Returns the reason for which a route's references don't resolve, empty if they do.

    In the mesh no ReferenceGrant is asked for. Of several backends' faults the last is reported, and one
    that makes the whole route useless at once.
    """
    last = ""
    for rule in route.rules:
        for reason in _faults(state, route, rule, in_mesh=in_mesh):
            if reason and reason not in _SOFT:
                return reason
            last = reason or last
    return last


def _faults(state: State, route: Route, rule: RouteRule, *, in_mesh: bool) -> Iterator[str]:
    """The faults of one rule: of its filters, then of its backends; soft ones of both are told as one."""
    mirrored = ""
    for part in rule.filters:
        match part.type:
            case "RequestMirror":
                mirrored = backend_fault(state, route, part.mirror.to, in_mesh=in_mesh) or mirrored
                if mirrored and (route.is_grpc or mirrored not in _SOFT):
                    yield mirrored if route.is_grpc else ""
            case "ExtensionRef" | "ExternalAuth":
                yield _FILTER
    redirected = any(part.type == "RequestRedirect" for part in rule.filters)
    weighted = [backend for backend in rule.backends if backend.weight]
    reasons: Sequence[str] = ()
    if weighted or redirected:
        reasons = [backend_fault(state, route, backend, in_mesh=in_mesh) for backend in weighted]
        yield from (reason for reason in reasons if reason not in _SOFT)
        if any(
            part.type not in ("RequestHeaderModifier", "ResponseHeaderModifier")
            for backend in weighted
            for part in backend.filters
        ):
            yield _FILTER
    soft = [reason for reason in reasons if reason in _SOFT]
    yield soft[-1] if soft else mirrored


def backend_fault(state: State, route: Route, to: TargetRef, *, in_mesh: bool) -> str:
    """Returns the reason for which a reference to a backend doesn't resolve, empty if it does."""
    own = route.resource
    if not in_mesh and to.written_namespace and not permits(state, own, to.kind, to.namespace, to.name):
        return _NOT_PERMITTED
    missing = ""
    if to.is_service:
        if "." in to.name:
            return _DESTINATION
        missing = _NOT_FOUND if state.get("", "Service", to.namespace, to.name) is None else ""
    elif to.is_host:
        if to.written_namespace:
            return _DESTINATION
        missing = "" if _is_registered(state, to.name) else _NOT_FOUND
    elif (to.group, to.kind) == _SERVICE_IMPORT:
        missing = _NOT_FOUND if state.get("", "Service", to.namespace, to.name) is None else ""
    else:
        return _INVALID_KIND
    return _DESTINATION if to.port is None else missing


def _is_registered(state: State, host: str) -> bool:
    entries = map(ServiceEntry.kept, state.all(ISTIO, "ServiceEntry"))
    return any(host in entry.hosts for entry in entries) or resolve(state, host, "") is not None


def backend_certificate(state: State, gateway: KubernetesGateway) -> str:
    """Returns the reason for which a Gateway can't show its certificate to backends; empty if it can."""
    ref = gateway.tls.backend.certificate
    if ref is None:
        return ""
    there = state.get("", "Secret", ref.namespace, ref.name) if ref.is_secret else None
    if there is None or Secret.kept(there).unreadable:
        return "InvalidClientCertificateRef"
    allowed = permits(state, gateway.resource, "Secret", ref.namespace, ref.name)
    return "" if allowed else _NOT_PERMITTED
