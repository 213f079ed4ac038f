"""The client's side: what a sidecar does with a request of its own pod.

Headers that only trace (x-request-id, x-b3-…, x-envoy-decorator-operation) are left out of what servers see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain
from harness.model.istio import gamma, router, upstream, virtual_service
from harness.model.istio.hosts import covers, specificity, visibility
from harness.model.istio.route import Chosen, Retries, Rule, applicable, first_match
from harness.model.kubernetes import endpoints, fqdn, resolve, service_port
from harness.model.objects import not_modelled, reason
from harness.traffic.trace import Reason

if TYPE_CHECKING:
    from harness.model.hop import Deliver
    from harness.model.kubernetes import ServicePort
    from harness.model.message import Message
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource
    from harness.traffic.outcomes import Outcome


def send(
    state: State, client: Pod, dialled: ServicePort, message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what a request gets that a pod with an Istio sidecar sends to a Service's port.

    On a port that says it is HTTP the Host header picks the virtual host among all Services with that
    port; on one that says nothing the dialled Service is meant whatever the header says.
    """
    if dialled.protocol == "tcp":
        raise not_modelled(
            dialled.service, "spec.ports", f"port {dialled.number} isn't HTTP by its name or appProtocol"
        )
    message = message.without(["x-forwarded-client-cert"])  # a client's own is never passed on
    host = message.host.lower()
    service: ServicePort | None = dialled
    if dialled.protocol:
        service = _named(state, host, client, dialled.number)
    rules, trace = _virtual_host(state, client, host, service, dialled)
    if rules is not None:
        chosen = first_match(rules, message)
        if isinstance(chosen, Chosen):
            return after(router.follow(state, client, dialled.number, message, chosen, deliver), *trace)
        no_route = Reason("no rule matches: the sidecar answers 404")
        return certain(replies.envoy(message, 404), *trace, *chosen, no_route)
    if service is None:
        text = f"no Service with port {dialled.number} is called {host}: passed through to {dialled.service}"
        through = upstream.passed_through(client, endpoints(state, dialled), message, deliver)
        return after(through, *trace, Reason(text))
    why = reason(service.service, "spec.selector", "no route for it: its pods about evenly")
    target = upstream.cluster(state, client, service, "", why)
    if isinstance(target, upstream.Missing):
        return after(upstream.missing(message, target), *trace)
    return after(upstream.send(state, client, message, target, Retries(), deliver), *trace)


def _named(state: State, host: str, client: Pod, number: int) -> ServicePort | None:
    service = resolve(state, host, client.namespace)
    port = service_port(service, number) if service else None
    return port if port and port.protocol != "tcp" else None


def _virtual_host(
    state: State, client: Pod, host: str, service: ServicePort | None, dialled: ServicePort
) -> tuple[tuple[Rule, ...] | None, list[Reason]]:
    """The rules of the virtual host that a request belongs to, None for a Service without any.

    Routes of Gateway API on the Service come before VirtualServices, whichever is older.
    """
    trace: list[Reason] = []
    rules: tuple[Rule, ...] = ()
    if service is not None:
        routes, trace = gamma.attached(state, service, client.namespace)
        rules = gamma.rules(routes)
    full = fqdn(service.service) if service else host
    sniffed = not dialled.protocol
    claims = []
    for resource in state.all("networking.istio.io", "VirtualService"):
        claim, why = _claim(resource, client, host, full, sniffed=sniffed)
        if claim is None:
            trace += [why] if why else []
            continue
        own, lost = applicable(virtual_service.rules(resource, virtual_service.MESH), client, dialled.number)
        trace += lost
        if own:  # one without any rule for this proxy is as if it weren't there
            claims.append((claim, resource, own))
    if rules:
        text = f"{rules[0].origin} on the Service comes before VirtualServices"
        trace += [reason(resource, "spec.hosts", text, lost=True) for _, resource, _ in claims]
        return rules, trace
    if not claims:
        return None, trace
    # The most specific host first, then by visibility; among equals the oldest (they come by age).
    claims.sort(key=lambda claim: claim[0])
    _, winner, chosen = claims[0]
    for _, other, _ in claims[1:]:
        text = f"{winner} speaks for {host}: it is more specific or older"
        trace.append(reason(other, "spec.hosts", text, lost=True))
    trace.append(reason(winner, "spec.hosts", f"speaks for {host} on the client's sidecar"))
    return chosen, trace


Claim = tuple[bool, int, int]


def _claim(
    resource: Resource, client: Pod, host: str, full: str, *, sniffed: bool
) -> tuple[Claim | None, Reason | None]:
    """How good a VirtualService's claim to a host is (lower is better), or why it has none."""
    called = (full,) if sniffed else (full, host)
    covering = [
        pattern
        for pattern in virtual_service.hosts(resource)
        if any(covers(pattern, name) for name in called)
    ]
    if not covering:
        return None, None
    if virtual_service.MESH not in virtual_service.gateways(resource):
        text = "is bound to gateways only: no effect on sidecars"
        return None, reason(resource, "spec.gateways", text, lost=True)
    seen = visibility(resource, client.namespace)
    if seen is None:
        text = f"isn't exported to namespace {client.namespace}"
        return None, reason(resource, "spec.exportTo", text, lost=True)
    exact, length = max(specificity(pattern) for pattern in covering)
    return (not exact, -length, seen), None
