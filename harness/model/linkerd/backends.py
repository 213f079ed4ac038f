"""Where a route sends requests: backends by weight, and the pods behind their Services' ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, certain, mapped, shares
from harness.model.kubernetes import endpoints, service_port
from harness.model.linkerd import balancer, filters
from harness.model.objects import reason

if TYPE_CHECKING:
    from harness.model.gateway_api import Backend, Route
    from harness.model.hop import Deliver
    from harness.model.kubernetes import ServicePort
    from harness.model.linkerd.limits import Limit
    from harness.model.linkerd.routes import Taken
    from harness.model.message import Message
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.traffic.outcomes import Outcome


@dataclass(frozen=True)
class Call:
    """A request of a pod with Linkerd's proxy to a Service's port."""

    state: State
    client: Pod
    port: ServicePort
    deliver: Deliver


def _route_name(route: Route | None) -> str:
    if route is None:
        return "default.http"
    return f"{route.resource.kind}.{route.resource.namespace}.{route.resource.name}"


def weighted(call: Call, taken: Taken) -> Branches[Backend | None]:
    """Returns a rule's backends by weight, None for the Service itself.

    A lone backend gets everything, even at weight 0. Backends without endpoints are passed over while
    there are others that can take the request (the first requests wait 3 s for them, and get 504).
    """
    origin, backends = taken.route.resource, taken.rule.backends
    if not backends:
        why = reason(origin, taken.rule.field, "names no backendRefs: the Service itself")
        return certain(None, why)
    if len(backends) == 1:
        lone = backends[0]
        return certain(lone, reason(origin, f"{lone.field}.weight", f"the only backend: {lone.name}"))
    total = sum(backend.weight for backend in backends)
    available = [b for b in backends if b.weight and not _is_empty(call, b)]
    kept = available or [b for b in backends if b.weight]
    choices = []
    for backend in kept:
        text = f"takes {backend.weight} of {total}: {backend.name}"
        if len(kept) < len([b for b in backends if b.weight]):
            text += ", and the shares of backends without pods"
        choices.append((backend.weight, backend, (reason(origin, f"{backend.field}.weight", text),)))
    return shares(choices)


def _is_empty(call: Call, backend: Backend) -> bool:
    port = _backend_port(call, backend)
    return port is not None and not endpoints(call.state, port)


def _backend_port(call: Call, backend: Backend) -> ServicePort | None:
    service = call.state.get("", "Service", backend.namespace, backend.name)
    return service_port(service, backend.port or 0) if service else None


def to_backend(
    call: Call, route: Route, backend: Backend | None, message: Message, limit: Limit | None
) -> Branches[Outcome]:
    """Returns what a backend answers (None: the Service itself); one that leads nowhere fails by itself."""
    if backend is None:
        return to_port(call, call.port, route, message, limit)
    origin = route.resource
    if not backend.is_service:
        error = f"unsupported backend type {backend.group or 'core'} {backend.kind}"
        return certain(replies.linkerd(message, 500, error), reason(origin, backend.field, error))
    if any(f.type not in ("RequestHeaderModifier", "ResponseHeaderModifier") for f in backend.filters):
        error = "unsupported backend filter"
        return certain(replies.linkerd(message, 500, error), reason(origin, backend.field, error))
    if call.state.get("", "Service", backend.namespace, backend.name) is None:
        error = f"Service not found {backend.name}"
        return certain(replies.linkerd(message, 500, error), reason(origin, backend.field, f"{error}: 500"))
    port = _backend_port(call, backend)
    if port is None:
        text = f"Service {backend.namespace}/{backend.name} has no port {backend.port}: 502"
        return certain(replies.linkerd(message, 502), reason(origin, backend.field, text))
    changed = replace(message, headers=filters.on_backend(backend, "RequestHeaderModifier", message.headers))
    return mapped(
        to_port(call, port, route, changed, limit),
        lambda outcome: replace(
            outcome, headers=filters.on_backend(backend, "ResponseHeaderModifier", outcome.headers)
        ),
    )


def to_port(
    call: Call, port: ServicePort, route: Route | None, message: Message, limit: Limit | None
) -> Branches[Outcome]:
    """Returns what the pods behind a Service's port answer within the time limit."""
    found = endpoints(call.state, port)
    prefix = f"logical service <ip>:{call.port.number}: route {_route_name(route)}: "
    if not found:
        error = f"{prefix}service unavailable"
        text = "has no pods: 503 (the first request waits 3 s and gets 504)"
        why = reason(port.service, "spec.selector", text)
        return certain(replies.linkerd(message, 503, error, close=True), why)
    backend = f"Service.{port.service.namespace}.{port.service.name}:{port.number}"

    def bounded(outcome: Outcome) -> Outcome:
        if limit is None or outcome.seconds <= limit.seconds:
            return outcome
        error = f"{prefix}backend {backend}: {backend}: timed out waiting for response headers: {limit.name}"
        return replace(replies.linkerd(message, 504, error), seconds=limit.seconds)

    return mapped(balancer.dispatch(call.client, port, found, message, call.deliver), bounded)
