"""Where routes send requests and connections: backends by weight, and what is behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.model import replies
from harness.model.distribution import Branches, after, certain, mapped, shares, then
from harness.model.linkerd import balancer
from harness.model.linkerd.breaker import Breaker
from harness.model.linkerd.routing import filters
from harness.model.linkerd.routing.index import READABLE
from harness.model.network.services import ServicePort, service_port
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.gateway_api.route import BackendRef, Route, RouteRule
    from harness.model.linkerd.balancer import OutboundCall
    from harness.model.linkerd.routing.limits import Limit
    from harness.model.linkerd.routing.matching import Taken
    from harness.model.message import Answers, Endpoint, Message
    from harness.traffic.outcomes import Outcome


FAIL_FAST = 3.0
"""Seconds that a request waits for endpoints; those after it fail at once [linkerd2: values, failfast]."""


@dataclass(frozen=True)
class Nowhere:
    """A backend that leads nowhere: the status by which its share fails, and the proxy's words."""

    status: int
    error: str
    text: str


def all_zero(rule: RouteRule) -> bool:
    """Returns whether a rule has several backends, and none with a weight: the proxy panics over it."""
    return len(rule.backends) > 1 and not any(backend.weight for backend in rule.backends)


def weighted(call: OutboundCall, route: Route, rule: RouteRule) -> Branches[BackendRef | None]:
    """Returns a rule's backends by weight, None for what was dialled itself.

    A lone backend gets everything, even at weight 0. Backends without endpoints are passed over while
    there are others that can take the request (the first requests wait 3 s for them, and get 504).
    """
    origin, backends = route.resource, rule.backends
    if not backends:
        itself = "the Service itself" if isinstance(call.default, ServicePort) else "where the client goes"
        return certain(None, step(origin, rule.path, Action.MATCHED, "names no backendRefs: {}", itself))
    if len(backends) == 1:
        lone = backends[0]
        only = step(origin, f"{lone.path}.weight", Action.MATCHED, "the only backend: {}", lone.name)
        return certain(lone, only)
    total = sum(backend.weight for backend in backends)
    weighty = [backend for backend in backends if backend.weight]
    kept = [backend for backend in weighty if not _is_empty(call, backend)] or weighty
    text = "takes {} of {}: {}" + (
        ", and the shares of backends without pods" if len(kept) < len(weighty) else ""
    )

    def takes(backend: BackendRef) -> Step:
        share, field = (backend.weight, total, backend.name), f"{backend.path}.weight"
        return step(origin, field, Action.SHARED, text, *share)

    return shares((backend.weight, backend, (takes(backend),)) for backend in kept)


def _is_empty(call: OutboundCall, backend: BackendRef) -> bool:
    port = destination(call, backend)
    return isinstance(port, ServicePort) and not balancer.ready(call, port)[0]


def destination(call: OutboundCall, backend: BackendRef | None) -> ServicePort | Endpoint | Nowhere:
    """Returns where a backend leads (None: what was dialled), or why nowhere."""
    if backend is None:
        return call.default
    if (backend.group, backend.kind) == (GROUP, "EgressNetwork"):
        error = _fault(call, backend)
        if not error:
            return call.default
    elif not backend.is_service:
        error = f"unsupported backend type {backend.group or 'core'} {backend.kind}"
    elif any(each.type not in READABLE for each in backend.filters):
        error = "unsupported backend filter"
    elif (service := call.state.get("", "Service", _namespace(call, backend), backend.name)) is None:
        error = f"Service not found {backend.name}"
    elif (port := service_port(service, backend.port or 0)) is None:
        text = f"{service} has no port {backend.port}: 502"
        return Nowhere(502, "", text)
    else:
        return port
    return Nowhere(500, error, f"{error}: 500")


def _namespace(call: OutboundCall, backend: BackendRef) -> str:
    """The namespace of a backend: one that names none is beside the route's parent, not beside the route.

    The index reads a route anew for each parent's namespace, as if it were there
    [linkerd/linkerd2: policy-controller/k8s/index/src/outbound/index.rs, apply_http_route].
    """
    beside = call.parent.namespace if call.parent is not None else backend.namespace
    return backend.written_namespace or beside


def _fault(call: OutboundCall, backend: BackendRef) -> str:
    """Why an EgressNetwork is no backend: it is one of the routes on itself alone."""
    parent, namespace = call.parent, _namespace(call, backend)
    if call.state.get(backend.group, backend.kind, namespace, backend.name) is None:
        return f"EgressNetwork not found {backend.name}"
    if isinstance(call.default, ServicePort) or parent is None:
        return "EgressNetwork backends attach to EgressNetwork parents only"
    if (namespace, backend.name) != (parent.namespace, parent.name):
        return "Route with EgressNetwork backend needs to have the same EgressNetwork as a parent"
    return ""


def to_backends(call: OutboundCall, taken: Taken, message: Message, limit: Limit | None) -> Answers:
    """Returns what a rule's backends answer to a request, shared out by their weights."""
    breaker = Breaker.of(call.parent)

    def answers(backend: BackendRef | None) -> Answers:
        return _to_backend(call, taken, backend, message, limit, breaker)

    backends = weighted(call, taken.route, taken.rule)
    if breaker is None:
        return then(backends, answers)
    return breaker.sharing((each.weight, after(answers(each.value), *each.trace)) for each in backends)


def _to_backend(
    call: OutboundCall,
    taken: Taken,
    backend: BackendRef | None,
    message: Message,
    limit: Limit | None,
    breaker: Breaker | None,
) -> Answers:
    """Returns what a backend answers to a request; one that leads nowhere fails by itself."""
    target = destination(call, backend)

    def answers(sent: Message) -> Answers:
        if not isinstance(target, Nowhere):
            return to_target(call, target, taken.route, sent, limit, breaker)
        assert backend is not None
        why = step(taken.route.resource, backend.path, Action.FAILED, "{}", target.text)
        return certain(replies.linkerd(message, target.status, target.error), why)

    # What the index can't read of a backend takes its filters' place; nobody at its port comes after them.
    if backend is None or not backend.filters or (isinstance(target, Nowhere) and target.error):
        return answers(message)
    changed = filters.apply(message, taken, backend)
    if isinstance(changed, filters.Redirected):
        return certain(changed.answer, changed.why)
    return changed.answered(answers(changed.message))


def to_target(
    call: OutboundCall,
    target: ServicePort | Endpoint,
    route: Route | None,
    message: Message,
    limit: Limit | None,
    breaker: Breaker | None = None,
) -> Answers:
    """Returns what a Service's pods, or one endpoint, answer to a request within the time limit."""
    name = "default.http"
    if route is not None:
        name = f"{route.resource.kind}.{route.resource.namespace}.{route.resource.name}"
    prefix = f"logical service <ip>:{call.number}: route {name}: "
    if isinstance(target, ServicePort):
        reached, lost = balancer.ready(call, target)
        unavailable = replies.linkerd(message, 503, f"{prefix}service unavailable", close=True)
        if not reached:
            text = "has no pods that can be reached: 503 (the first request waits 3 s and gets 504)"
            why = step(target.service, "spec.selector", Action.FAILED, text)
            return certain(unavailable, *lost, why)
        backend = f"Service.{target.service.namespace}.{target.service.name}:{target.number}"
        error = f"{prefix}backend {backend}: {backend}: service in fail-fast"
        waited = replace(replies.linkerd(message, 504, error, close=True), seconds=FAIL_FAST)
        outages = (unavailable, waited)
        answers = balancer.dispatch(call, target, reached, message, breaker=breaker, outages=outages)
        branches = after(answers, *lost)
    else:
        backend = f"endpoint.{target.pod.name}:{target.port}"
        branches = balancer.forward(call, target, message)

    def bounded(outcome: Outcome) -> Outcome:
        if limit is None or outcome.seconds <= limit.seconds:
            return outcome
        waited = f"{prefix}backend {backend}: {backend}: timed out waiting for response headers: {limit.name}"
        return replace(replies.linkerd(message, 504, limit.error or waited), seconds=limit.seconds)

    return mapped(branches, bounded)
