"""HTTP and gRPC requests, as a client's proxy routes them: by routes, by a ServiceProfile, or by neither."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.linkerd.annotation import Timeouts, timeouts
from harness.api.linkerd.policy import EgressNetwork
from harness.model import replies
from harness.model.distribution import after, certain, then
from harness.model.linkerd.breaker import Breaker
from harness.model.linkerd.routing import (
    backends,
    filters,
    limits,
    matching,
    retry_budget,
    service_profile,
)
from harness.model.linkerd.routing.limits import Limit, Repetition, with_retries
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.gateway_api.route import Route
    from harness.base.resources import Resource
    from harness.model.linkerd.balancer import OutboundCall
    from harness.model.message import Answers, Message

_FAILED_PRECONDITION = 9


def routed(call: OutboundCall, attached: tuple[Route, ...], message: Message) -> Answers:
    """Returns what becomes of a request to what has routes: by the best rule, or an egress policy, or 404."""
    assert call.parent is not None
    if invalid := _without_method(attached):
        return certain(replies.linkerd(message, 500, "unexpected error", close=True), invalid)
    taken = matching.best(attached, message)
    if not isinstance(taken, matching.Taken):
        if call.egress:
            return after(unrouted(call, message, grpc=attached[0].is_grpc), *taken)
        answer = replies.linkerd(message, 404, f"logical service <ip>:{call.number}: no route")
        text = "has routes, but none takes the request: 404, no fall-through"
        why = step(call.parent, "", Action.ANSWERED, text)
        return certain(answer, *taken, why)
    changed = filters.apply(message, taken)
    if isinstance(changed, filters.Redirected):
        return certain(changed.answer, *taken.trace, changed.why)
    if backends.all_zero(taken.rule):
        text = "all weights are 0: the proxy panics, and the client gets an empty reply"
        why = step(taken.route.resource, f"{taken.rule.path}.backendRefs", Action.FAILED, text)
        return certain(Outcome(failure=Failure.EMPTY_REPLY), *taken.trace, why)

    def attempt(sent: Message, limit: Limit | None) -> Answers:
        return backends.to_backends(call, taken, sent, limit)

    limit, again = _limits(call.parent, taken)
    answered = with_retries(attempt, again, limit, changed.message)
    return after(changed.answered(answered), *taken.trace)


def _without_method(attached: tuple[Route, ...]) -> Step | None:
    """Returns why the proxy refuses all routes of a port, if it does.

    The controller writes a gRPC match without a method as one without RPC, which the proxy's reader
    misses (`MissingRpc`): no policy of that port is valid then. Observed with edge-26.8.3.
    """
    for route in attached:
        for rule in route.rules if route.is_grpc else ():
            for match in rule.written_matches:
                if not match.has("method"):
                    text = "has no method: the proxy can't read the port's routes, and fails all calls"
                    return step(route.resource, match.path, Action.FAILED, text)
    return None


def _limits(parent: Resource, taken: matching.Taken) -> tuple[Limit | None, Repetition | None]:
    """A route's annotations go over its spec's timeouts; only without either does its parent's count."""
    resource, grpc = taken.route.resource, taken.route.is_grpc
    wanted = timeouts(resource)
    wanted = replace(wanted, request=wanted.request or limits.request_timeout(taken.route, taken.rule))
    if wanted == Timeouts():
        wanted = timeouts(parent)
    again = limits.repetition(resource, grpc=grpc) or limits.repetition(parent, grpc=grpc)
    return limits.shortest(wanted), again


def unrouted(call: OutboundCall, message: Message, *, grpc: bool = False) -> Answers:
    """Returns what becomes of a request that no route takes: the parent's own limits and retries count.

    An EgressNetwork that denies answers 403; a gRPC call then fails with FAILED_PRECONDITION, and where
    GRPCRoutes make it gRPC only with PERMISSION_DENIED.
    """
    trace: list[Step] = []
    if call.egress:
        if not EgressNetwork.kept(call.egress).allows:
            answer = replies.linkerd(message, 403, "traffic not allowed")
            if message.grpc and not grpc:
                answer = replace(answer, grpc_status=_FAILED_PRECONDITION)
            text = "denies what no route takes"
            return certain(answer, step(call.egress, "spec.trafficPolicy", Action.DENIED, text))
        text = "lets pass what no route takes"
        trace.append(step(call.egress, "spec.trafficPolicy", Action.ALLOWED, text))
    elif call.service:
        trace.append(step(call.service, "spec.selector", Action.MATCHED, "no route on it: its own pods"))

    def attempt(sent: Message, limit: Limit | None) -> Answers:
        return backends.to_target(call, call.default, None, sent, limit, Breaker.of(call.parent))

    again = limits.repetition(call.parent, grpc=grpc) if call.parent else None
    limit = limits.shortest(timeouts(call.parent)) if call.parent else None
    return after(with_retries(attempt, again, limit, message), *trace)


def profiled(call: OutboundCall, profile: Resource, message: Message) -> Answers:
    """Returns what a ServiceProfile makes of a request."""
    service = call.service
    assert service is not None
    canonical = f"{service.name}.{service.namespace}.svc.cluster.local:{call.number}"
    sent = message.plus(("l5d-dst-canonical", canonical))
    route = service_profile.route(profile, message)
    text = "takes {} over: routes on the Service don't count"
    trace = [step(profile, "", Action.MATCHED, text, service)]
    if route is not None:
        text = "is the first route whose condition the request fulfils"
        trace.append(step(profile, route.path, Action.MATCHED, text))
    targets = service_profile.overrides(profile, call) or certain(call.default)

    def attempt(tried: Message, limit: Limit | None) -> Answers:
        return then(targets, lambda target: backends.to_target(call, target, None, tried, limit))

    limit = None
    if route is not None and route.timeout is not None:
        error = f"logical service {canonical}: HTTP response timeout after {limits.written(route.timeout)}"
        limit = Limit(route.timeout, "", error)
    answers = attempt(sent, limit)
    if route is not None and route.is_retryable:
        answers = retry_budget.sent_again(profile, route, answers, attempt, limit, sent)
    return after(answers, *trace)
