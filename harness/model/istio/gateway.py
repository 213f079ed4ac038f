"""The ingress gateway: Gateway servers, and the VirtualServices bound to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain, mapped
from harness.model.istio import router, virtual_service
from harness.model.istio.authorization import authorize
from harness.model.istio.hosts import covers, specificity, visibility
from harness.model.istio.route import Chosen, Rule, applicable, first_match
from harness.model.kubernetes import service_ports
from harness.model.objects import not_modelled, reason, selects, spec_of
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason

if TYPE_CHECKING:
    from harness.model.hop import Arrival, Deliver
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource

_PLAIN = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB")


def receive(state: State, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a request gets that arrives at a gateway's pod.

    No Gateway server on the port: nothing listens there. Otherwise AuthorizationPolicies on the
    gateway decide, then the virtual host: VirtualServices for one host are merged, catch-all rules last.
    """
    return mapped(_routed(state, arrival, deliver), lambda outcome: _answered(arrival, outcome))


def _routed(state: State, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    pod = arrival.server
    servers = _servers(state, pod, arrival.port)
    if not servers:
        text = f"no Gateway has a server for port {arrival.port} of {pod.workload}: nothing listens there"
        return certain(Outcome(failure=Failure.REFUSED), Reason(text))
    port = servers[0].port
    verdict = authorize(state, arrival)
    if not verdict.allowed:
        return certain(replies.envoy(arrival.message, 403, "RBAC: access denied"), *verdict.trace)
    host = arrival.message.host.lower()
    rules, trace = _virtual_host(state, pod, port, servers, host)
    if not rules:
        text = f"no VirtualService of a Gateway on port {port} has host {host}: 404"
        return certain(replies.envoy(arrival.message, 404), *verdict.trace, *trace, Reason(text))
    chosen = first_match(rules, arrival.message)
    if not isinstance(chosen, Chosen):
        no_route = Reason("no rule matches: the gateway answers 404")
        return certain(replies.envoy(arrival.message, 404), *verdict.trace, *trace, *chosen, no_route)
    followed = router.follow(state, pod, port, arrival.message, chosen, deliver)
    return after(followed, *verdict.trace, *trace)


def _answered(arrival: Arrival, outcome: Outcome) -> Outcome:
    """The gateway's own answers went over the client's connection."""
    return outcome if outcome.hop or outcome.failure else replace(outcome, hop=arrival.hop)


def _listeners(state: State, pod: Pod, number: int) -> set[int]:
    """The pod's ports on which a Gateway's port number is served.

    It names a port of the gateway's Service, and is served on that one's target; a number that no
    Service port has is served as it is [Istio: resolvePorts for gateways chosen by label].
    """
    targets = set()
    for service in state.all("", "Service", pod.namespace):
        selector = spec_of(service).get("selector") or {}
        if selector and selects(selector, pod.labels):
            targets |= {pod.port(port.target) for port in service_ports(service) if port.number == number}
    return {target for target in targets if target is not None} or {number}


@dataclass(frozen=True)
class Server:
    """A server of a Gateway, and where it is written."""

    gateway: Resource
    field: str
    port: int
    hosts: tuple[str, ...]


def _servers(state: State, pod: Pod, listener: int) -> list[Server]:
    """The servers of all Gateways that a port of the pod listens for."""
    found = []
    for gateway in state.all("networking.istio.io", "Gateway"):
        if not selects(spec_of(gateway).get("selector") or {}, pod.labels):
            continue
        for index, server in enumerate(spec_of(gateway).get("servers") or ()):
            number = server["port"]["number"]
            if listener not in _listeners(state, pod, number):
                continue
            field = f"spec.servers[{index}]"
            if server["port"].get("protocol", "").upper() not in _PLAIN or server.get("tls"):
                raise not_modelled(gateway, field, "only plain HTTP servers are decided on")
            found.append(Server(gateway, field, number, tuple(server.get("hosts") or ())))
    return found


def _virtual_host(
    state: State, pod: Pod, port: int, servers: list[Server], host: str
) -> tuple[tuple[Rule, ...], list[Reason]]:
    """The rules of the most specific host among all VirtualServices bound to the servers' Gateways."""
    trace: list[Reason] = []
    bound: list[tuple[tuple[bool, int], Resource, str]] = []
    for resource in state.all("networking.istio.io", "VirtualService"):
        best = None
        for server in servers:
            name = f"{server.gateway.namespace}/{server.gateway.name}"
            if name not in virtual_service.gateways(resource):
                continue
            if visibility(resource, pod.namespace) is None:
                trace.append(
                    reason(resource, "spec.exportTo", f"isn't exported to {pod.namespace}", lost=True)
                )
                continue
            shared = _shared_host(resource, server, host)
            if shared is None:
                text = f"has no host in common with {server.gateway} {server.field} that covers {host}"
                trace.append(reason(resource, "spec.hosts", text, lost=True))
            elif best is None or specificity(shared) > best[0]:
                best = (specificity(shared), name)
        if best:
            bound.append((best[0], resource, best[1]))
    if not bound:
        return (), trace
    most = max(one[0] for one in bound)
    chosen = [(resource, name) for level, resource, name in bound if level == most]
    trace += [reason(r, "spec.hosts", f"speaks for {host} at Gateway {name}") for r, name in chosen]
    rules: list[Rule] = []
    for resource, name in chosen:
        own, lost = applicable(virtual_service.rules(resource, name), pod, port)
        rules += own
        trace += lost
    return tuple(sorted(rules, key=_takes_all)), trace


def _shared_host(resource: Resource, server: Server, host: str) -> str | None:
    """The narrower of a VirtualService's and a server's host that both cover the request's."""
    shared = []
    for wanted in virtual_service.hosts(resource):
        for offered in server.hosts:
            namespace, slash, name = offered.rpartition("/")
            namespace = server.gateway.namespace if namespace == "." else namespace
            open_to = not slash or namespace in ("*", resource.namespace)
            if open_to and covers(wanted, host) and covers(name, host):
                shared.append(max(wanted, name, key=specificity))
    return max(shared, key=specificity) if shared else None


def _takes_all(rule: Rule) -> bool:
    return not rule.matches or rule.matches[0].takes_all
