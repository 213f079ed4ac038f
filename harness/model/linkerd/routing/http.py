"""HTTP and gRPC requests, as a client's proxy routes them: by routes, by a ServiceProfile, or by neither."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.api.linkerd.annotation import Timeouts, timeouts
from harness.base.errors import not_modelled
from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import Branches, after, certain, mapped, shares, then
from harness.model.linkerd import egress_network
from harness.model.linkerd.routing import backends, filters, limits, routes, service_profile
from harness.model.linkerd.routing.limits import Limit, Repetition
from harness.model.linkerd.routing.retries import MAX_TRIES, Attempt, with_retries
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.gateway_api.route import BackendRef, Route
    from harness.base.resources import Resource
    from harness.model.linkerd.call import OutboundCall
    from harness.model.linkerd.routing.service_profile import Budget, ProfileRoute
    from harness.model.message import Message


def routed(call: OutboundCall, attached: tuple[Route, ...], message: Message) -> Branches[Outcome]:
    """Returns what becomes of a request to what has routes: of the best rule, or else 404.

    On an EgressNetwork what no rule takes is subject to its policy.
    """
    assert call.parent is not None
    taken = routes.best(attached, message)
    if not isinstance(taken, routes.Taken):
        if call.parent.kind == "EgressNetwork":
            grpc = attached[0].is_grpc
            return after(unrouted(call, message, grpc=grpc), *taken)
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

    def attempt(sent: Message, limit: Limit | None) -> Branches[Outcome]:
        def to_backend(backend: BackendRef | None) -> Branches[Outcome]:
            return backends.to_backend(call, taken, backend, sent, limit)

        return then(backends.weighted(call, taken.route, taken.rule), to_backend)

    limit, again = _limits(call.parent, taken)
    answered = with_retries(attempt, again, limit, changed.message)
    if changed.response:
        answered = mapped(
            answered, lambda outcome: with_fields(outcome, headers=changed.on_response(outcome.headers))
        )
    return after(answered, *taken.trace)


def _limits(parent: Resource, taken: routes.Taken) -> tuple[Limit | None, Repetition | None]:
    """A route's annotations go over its spec's timeouts; only without either does its parent's count."""
    resource, grpc = taken.route.resource, taken.route.is_grpc
    asked = timeouts(resource)
    asked = replace(asked, request=asked.request or limits.request_timeout(taken.route, taken.rule))
    if asked == Timeouts():
        asked = timeouts(parent)
    again = limits.repetition(resource, grpc=grpc) or limits.repetition(parent, grpc=grpc)
    return limits.shortest(asked), again


def unrouted(call: OutboundCall, message: Message, *, grpc: bool = False) -> Branches[Outcome]:
    """Returns what becomes of a request that no route takes: the parent's own limits and retries count.

    An EgressNetwork that denies answers 403; a gRPC call then fails with FAILED_PRECONDITION, and where
    GRPCRoutes make it gRPC only with PERMISSION_DENIED.
    """
    parent = call.parent
    if parent is not None and parent.kind == "EgressNetwork":
        allowed = egress_network.allows(parent)
        text = "lets pass what no route takes" if allowed else "denies what no route takes"
        why = step(parent, "spec.trafficPolicy", Action.ALLOWED if allowed else Action.DENIED, text)
        if not allowed:
            answer = replies.linkerd(message, 403, "traffic not allowed")
            if message.grpc and not grpc:
                answer = replace(answer, grpc_status=_FAILED_PRECONDITION)
            return certain(answer, why)
        trace: tuple[Step, ...] = (why,)
    else:
        own = "no route on it: its own pods"
        trace = (step(parent, "spec.selector", Action.MATCHED, own),) if parent else ()

    def attempt(sent: Message, limit: Limit | None) -> Branches[Outcome]:
        return backends.to_target(call, call.default, None, sent, limit)

    again = limits.repetition(parent, grpc=grpc) if parent else None
    limit = limits.shortest(timeouts(parent)) if parent else None
    return after(with_retries(attempt, again, limit, message), *trace)


_FAILED_PRECONDITION = 9


def profiled(call: OutboundCall, profile: Resource, message: Message) -> Branches[Outcome]:
    """Returns what a ServiceProfile makes of a request: its overrides' shares, its route's limit and retries.

    Raises NotModelledError where retries depend on what its budget was spent on.
    """
    service = call.parent
    assert service is not None
    canonical = f"{service.name}.{service.namespace}.svc.cluster.local:{call.number}"
    sent = message.plus(("l5d-dst-canonical", canonical))
    route = service_profile.route(profile, message)
    text = "takes {} over: routes on the Service don't count"
    trace = [step(profile, "", Action.MATCHED, text, service)]
    if route:
        text = "is the first route whose condition the request fulfils"
        trace.append(step(profile, route.field, Action.MATCHED, text))
    overrides = service_profile.overrides(call.state, profile, call)

    def attempt(tried: Message, limit: Limit | None) -> Branches[Outcome]:
        if not overrides:
            return backends.to_target(call, call.default, None, tried, limit)
        picked = shares((one.weight, one.port, (one.why,)) for one in overrides)
        return then(picked, lambda port: backends.to_target(call, port, None, tried, limit))

    limit = limits.shortest(Timeouts(request=route.timeout if route else None))
    once = attempt(sent, limit)
    if route is not None and route.budget is not None and any(route.applies(one.value) for one in once):
        once = _sent_again(profile, route, route.budget, once, attempt, limit, sent)
    return after(once, *trace)


def _sent_again(
    profile: Resource,
    route: ProfileRoute,
    budget: Budget,
    once: Branches[Outcome],
    attempt: Attempt,
    limit: Limit | None,
    message: Message,
) -> Branches[Outcome]:
    """What failures become that are sent again while the budget lasts.

    Where all that is tried fails at once the last failure is the answer, however often it is tried.
    """
    failing = sum((one.weight for one in once if route.applies(one.value)), Fraction(0))
    again = Repetition(min(budget.reserve, MAX_TRIES - 1), route.applies)
    answered = with_retries(attempt, again, limit, message)
    if budget.covers(failing):
        return answered
    field = f"{route.field}.isRetryable"
    if all(route.applies(one.value) and not one.value.seconds for one in answered):
        text = "failures are sent again until the retry budget is spent, and fail all the same"
        return after(once, replace(step(profile, field, Action.RETRIED, text), arrivals=None))
    why = "failures are sent again until the retry budget is spent: that depends on other requests"
    raise not_modelled(profile, field, why)
