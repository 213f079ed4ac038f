"""The client's side: what Linkerd's proxy does with a request of its own pod to a Service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain, mapped, shares, then
from harness.model.kubernetes import resolve, service_port
from harness.model.linkerd import backends, balancer, filters, limits, routes, service_profile
from harness.model.linkerd.backends import Call
from harness.model.linkerd.limits import Limit, Timeouts
from harness.model.objects import not_modelled, reason
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from harness.model.gateway_api import Backend, Route
    from harness.model.hop import Deliver
    from harness.model.message import Message
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource
    from harness.traffic.trace import Reason


_HTTP1, _HTTP2 = "http", "kubernetes.io/h2c"


def send(
    state: State, client: Pod, service: Resource, number: int, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what a request gets that a pod with Linkerd's proxy sends to a Service.

    The Service dialled counts, whatever the Host header says. A ServiceProfile comes before
    routes; GRPCRoutes before HTTPRoutes unless the port's appProtocol says http.
    """
    port = service_port(service, number)
    if port is None:
        text = f"has no port {number}: the connection ends without an answer"
        return certain(Outcome(failure=Failure.EMPTY_REPLY), reason(service, "spec.ports", text))
    if port.app_protocol not in ("", _HTTP1, _HTTP2):
        why = f"Linkerd takes appProtocol {port.app_protocol} for opaque bytes"
        raise not_modelled(service, "spec.ports", why)
    call = Call(state, client, port, deliver)
    profile = service_profile.find(state, service, client.namespace)
    if profile is not None:
        return _profiled(call, profile, message)
    grpc, lost_grpc = _attached(call, "GRPCRoute") if port.app_protocol != _HTTP1 else ([], [])
    http, lost_http = _attached(call, "HTTPRoute")
    lost = (*lost_grpc, *lost_http)
    if grpc:
        return after(_by_grpc_routes(call, grpc, http, message), *lost)
    if http:
        return after(_routed(call, http, message), *lost)
    if port.app_protocol == _HTTP2 and not message.grpc:
        text = f"appProtocol {_HTTP2} makes Linkerd speak HTTP/2 only: HTTP/1 fails"
        return certain(Outcome(failure=Failure.HTTP09), reason(service, "spec.ports", text))
    own = reason(service, "spec.selector", "no route on it: its own pods")
    return after(_default(call, message), *lost, own)


def _attached(call: Call, kind: str) -> tuple[list[Route], list[Reason]]:
    """The routes of a kind that this client follows, oldest first, and why others aren't.

    Producers' routes are for all clients; a consumer's namespace has its own beside them.
    """
    found, lost = routes.indexed(call.state, kind)
    service = call.port.service
    lost = [one for one in lost if _mentions(one, service)]
    attached = []
    for route in found:
        if not route.parents and route.resource.namespace == service.namespace:
            lost.append(reason(route.resource, "spec.parentRefs", "names no parent: no effect", lost=True))
        for parent in route.parents:
            why = parent.detached(service, call.port.number, ("", "core"))
            if why == "" and route.resource.namespace not in (service.namespace, call.client.namespace):
                why = f"is a consumer route: for clients in {route.resource.namespace} only"
            if why == "":
                attached.append(route)
                break
            if why:
                lost.append(reason(route.resource, parent.field, why, lost=True))
    return attached, lost


def _mentions(lost: Reason, service: Resource) -> bool:
    return lost.resource.partition(" ")[2].partition("/")[0] == service.namespace


def _by_grpc_routes(call: Call, grpc: list[Route], http: list[Route], message: Message) -> Branches[Outcome]:
    service = call.port.service
    ignored = [
        reason(
            route.resource, "spec.parentRefs", f"a GRPCRoute on {service} comes before HTTPRoutes", lost=True
        )
        for route in http
    ]
    if not message.grpc:
        text = f"makes Linkerd speak HTTP/2 only to clients of {service}: HTTP/1 fails"
        why = reason(grpc[0].resource, "spec.parentRefs", text)
        return certain(Outcome(failure=Failure.HTTP09), *ignored, why)
    return after(_routed(call, grpc, message), *ignored)


def _routed(call: Call, attached: list[Route], message: Message) -> Branches[Outcome]:
    taken = routes.best(attached, message)
    if not isinstance(taken, routes.Taken):
        answer = replies.linkerd(message, 404, f"logical service <ip>:{call.port.number}: no route")
        why = reason(call.port.service, "", "has routes, but none takes the request: 404, no fall-through")
        return certain(answer, *taken, why)
    changed = filters.apply(message, taken)
    if isinstance(changed, filters.Redirected):
        return certain(changed.answer, *taken.trace, changed.why)

    def attempt(sent: Message, limit: Limit | None) -> Branches[Outcome]:
        def to_backend(backend: Backend | None) -> Branches[Outcome]:
            return backends.to_backend(call, taken.route, backend, sent, limit)

        return then(backends.weighted(call, taken), to_backend)

    if len(taken.rule.backends) > 1 and not any(backend.weight for backend in taken.rule.backends):
        text = "all weights are 0: the proxy panics, and the client gets an empty reply"
        why = reason(taken.route.resource, f"{taken.rule.field}.backendRefs", text)
        return certain(Outcome(failure=Failure.EMPTY_REPLY), *taken.trace, why)
    limit, again = _limits(call, taken)
    answered = balancer.with_retries(attempt, again, limit, changed.message)
    back = mapped(answered, lambda outcome: replace(outcome, headers=changed.on_response(outcome.headers)))
    return after(back, *taken.trace)


def _limits(call: Call, taken: routes.Taken) -> tuple[Limit | None, limits.Retry | None]:
    """A route's annotations go over its spec's timeouts; only without either does the Service's count."""
    resource, service = taken.route.resource, call.port.service
    said = limits.timeouts(resource)
    said = replace(said, request=said.request or taken.rule.request_timeout)
    if said == Timeouts():
        said = limits.timeouts(service)
    return said.shortest(), limits.retry(resource) or limits.retry(service)


def _default(call: Call, message: Message) -> Branches[Outcome]:
    """What comes back where no route is attached: the Service's own pods, limits and retries."""
    service = call.port.service

    def attempt(sent: Message, limit: Limit | None) -> Branches[Outcome]:
        return backends.to_port(call, call.port, None, sent, limit)

    return balancer.with_retries(attempt, limits.retry(service), limits.timeouts(service).shortest(), message)


def _profiled(call: Call, profile: Resource, message: Message) -> Branches[Outcome]:
    """What a ServiceProfile makes of a request: its overrides' shares, its route's time limit."""
    service = call.port.service
    canonical = f"{service.name}.{service.namespace}.svc.cluster.local:{call.port.number}"
    sent = message.plus(("l5d-dst-canonical", canonical))
    route = service_profile.route(profile, message)
    overrides = service_profile.overrides(profile)
    trace = [reason(profile, "", f"takes {service} over: routes on the Service don't count")]
    if route:
        trace.append(reason(profile, route.field, "is the first route whose condition the request fulfils"))
    total = sum(one.weight for one in overrides)
    limit = Timeouts(request=route.timeout if route else None).shortest()

    def to_override(one: service_profile.Override) -> Branches[Outcome]:
        target = resolve(call.state, one.host, call.client.namespace)
        port = service_port(target, one.port) if target else None
        if port is None:
            raise not_modelled(profile, one.field, f"there is no Service port {one.host}:{one.port}")
        return backends.to_port(call, port, None, sent, limit)

    if overrides:
        picked = shares(
            (
                one.weight,
                one,
                (reason(profile, f"{one.field}.weight", f"takes {one.weight} of {total}: {one.host}"),),
            )
            for one in overrides
        )
        answered = then(picked, to_override)
    else:
        answered = backends.to_port(call, call.port, None, sent, limit)
    if (
        route
        and route.retryable
        and any(
            branch.value.status is None or branch.value.status >= (300 if route.classified else 500)
            for branch in answered
        )
    ):
        why = "failures are sent again until the retry budget is spent: that depends on other requests"
        raise not_modelled(profile, f"{route.field}.isRetryable", why)
    return after(answered, *trace)
