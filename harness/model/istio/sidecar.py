"""The client's side: what a sidecar does with a request of its own pod.

Headers that only trace (x-request-id, x-b3-…, x-envoy-decorator-operation) are left out of what servers see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.hosts import MESH, covers, specificity
from harness.model import replies
from harness.model.distribution import after, certain
from harness.model.istio import connection
from harness.model.istio.registry import hosts as registry
from harness.model.istio.routing import delegate, gamma, router, virtual_service
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.istio.routing.rule import (
    Chosen,
    RoutingRule,
    applicable,
    first_match,
)
from harness.model.istio.security.access import with_normal_path
from harness.model.istio.upstream import cluster as upstream
from harness.model.istio.upstream.retries import (
    Retries,
)
from harness.model.network.services import ServicePort, endpoints
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.model.istio.registry.hosts import Heard
    from harness.model.message import Answers, ClientSide, Message
    from harness.model.network.services import Endpoint
    from harness.model.state import Pod, State


def send(side: ClientSide, dialled: ServicePort | Endpoint, message: Message) -> Answers:
    """Returns what a request gets that a pod with a sidecar sends to a Service's port, or elsewhere."""
    state, client = side.state, side.client
    ready = endpoints(state, dialled) if isinstance(dialled, ServicePort) else (dialled,)
    if connection.is_opaque(dialled, message):
        return connection.send(side, dialled, ready, message)
    read = with_normal_path(state, message)
    if isinstance(read, Step):
        return certain(replies.envoy(message, 400), read)
    message = read.without(["x-forwarded-client-cert"])  # a client's own is never passed on
    host = message.host.lower()
    heard = registry.heard(state, client, dialled, host)
    if not heard.listens and heard.port is not None:
        return connection.send(side, dialled, ready, message)
    if not heard.listens:
        return after(connection.passed_on(side, ready, message), *heard.trace)
    rules, trace = _virtual_host(state, client, host, heard)
    if rules is not None:
        chosen = first_match(rules, message)
        if isinstance(chosen, Chosen):
            return after(router.follow(side, heard.number, message, chosen), *trace)
        no_route = built_in(Action.ANSWERED, "no rule matches: the sidecar answers 404")
        return certain(replies.envoy(message, 404), *trace, *chosen, no_route)
    if heard.port is None:
        return after(connection.passed_http(side, ready, message), *trace)
    field = "spec.selector" if isinstance(heard.port, ServicePort) else "spec.resolution"
    text = "no route for it: its endpoints about evenly"
    why = step(heard.port.origin, field, Action.MATCHED, text)
    target = upstream.cluster(side, heard.port, why, message.dialled)
    return after(upstream.send(side, message, target, Retries()), *trace)


def _virtual_host(
    state: State, client: Pod, host: str, heard: Heard
) -> tuple[tuple[RoutingRule, ...] | None, list[Step]]:
    """The rules for a request, None for a Service without any; routes come before VirtualServices."""
    trace: list[Step] = list(heard.trace)
    rules: tuple[RoutingRule, ...] = ()
    if heard.port is not None:
        routes, lost = gamma.attached(state, heard.port, client.namespace)
        trace += lost
        rules = gateway_route.rules(routes)
    full = heard.port.host if heard.port else host
    called = (full, host) if heard.named else (full,)
    claims = []
    candidates, unseen = virtual_service.visible(state, client, *called)
    trace += unseen
    for seen, resource in candidates:
        hosts = virtual_service.hosts(resource)
        if heard.port is None and not registry.serves(state, client, hosts, heard.number):
            text = "has no host that the sidecar knows on port {}"
            trace.append(step(resource, "spec.hosts", Action.UNMATCHED, text, heard.number))
            continue
        written, left_out = delegate.rules(state, resource, MESH)
        own, lost = applicable(written, client, heard.number)
        trace += [*left_out, *lost]
        if own:  # one without any rule for this proxy is as if it weren't there
            covering = (host for host in hosts if any(covers(host, name) for name in called))
            exact, length = max(map(specificity, covering))
            claims.append(((not exact, -length, seen), resource, own))
    if rules:
        text, first = "{} on the Service comes before VirtualServices", rules[0].origin
        trace += [step(resource, "spec.hosts", Action.OUTRANKED, text, first) for _, resource, _ in claims]
        return rules, trace
    if not claims:
        return None, trace
    # The most specific host first, then by visibility; among equals the oldest (they come by age).
    claims.sort(key=lambda claim: claim[0])
    _, winner, chosen = claims[0]
    for _, other, _ in claims[1:]:
        text = "{} speaks for {}: it is more specific or older"
        trace.append(step(other, "spec.hosts", Action.OUTRANKED, text, winner, host))
    trace.append(step(winner, "spec.hosts", Action.MATCHED, "speaks for {} on the client's sidecar", host))
    return chosen, trace
