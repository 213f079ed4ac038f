"""The ingress gateway: Gateway servers, and the VirtualServices bound to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain
from harness.model.istio import router, virtual_service
from harness.model.istio.authorization import authorize
from harness.model.istio.hosts import covers, specificity, visibility
from harness.model.istio.route import Chosen, Rule, first_match
from harness.model.kubernetes import service_ports
from harness.model.objects import not_modelled, reason, selects, spec_of
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason

if TYPE_CHECKING:
    from harness.model.hop import Arrival, Deliver
    from harness.model.objects import Fields
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource

_PLAIN = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB")


def receive(state: State, arrival: Arrival, deliver: Deliver) -> Branches[Outcome]:
    """Returns what a request gets that arrives at a gateway's pod.

    No Gateway server on the port: nothing listens there. Otherwise AuthorizationPolicies on the
    gateway decide, then the virtual host: VirtualServices for one host are merged, catch-all rules last.
    """
    pod = arrival.server
    port = _port(state, pod, arrival.port)
    servers = _servers(state, pod, port)
    if not servers:
        text = f"no Gateway has a server on port {port} of {pod.workload}: nothing listens there"
        return certain(Outcome(failure=Failure.REFUSED), Reason(text))
    verdict = authorize(state, arrival)
    if not verdict.allowed:
        return certain(replies.envoy(arrival.message, 403, "RBAC: access denied"), *verdict.trace)
    host = arrival.message.host.lower()
    rules, trace = _virtual_host(state, pod, servers, host)
    if not rules:
        text = f"no VirtualService of a Gateway on port {port} has host {host}: 404"
        return certain(replies.envoy(arrival.message, 404), *verdict.trace, *trace, Reason(text))
    chosen = first_match(rules, arrival.message, pod, port)
    if not isinstance(chosen, Chosen):
        no_route = Reason("no rule matches: the gateway answers 404")
        return certain(replies.envoy(arrival.message, 404), *verdict.trace, *trace, *chosen, no_route)
    followed = router.follow(state, pod, port, arrival.message, chosen, deliver)
    return after(followed, *verdict.trace, *trace)


def _port(state: State, pod: Pod, target: int) -> int:
    """The Service port that leads to a gateway pod's port: Gateways name that one."""
    for service in state.all("", "Service", pod.namespace):
        selector = spec_of(service).get("selector") or {}
        if selector and selects(selector, pod.labels):
            for port in service_ports(service):
                if pod.port(port.target) == target:
                    return port.number
    return target


Server = tuple["Resource", str, "Fields"]


def _servers(state: State, pod: Pod, port: int) -> list[Server]:
    found: list[Server] = []
    for gateway in state.all("networking.istio.io", "Gateway"):
        if not selects(spec_of(gateway).get("selector") or {}, pod.labels):
            continue
        for index, server in enumerate(spec_of(gateway).get("servers") or ()):
            if server["port"]["number"] != port:
                continue
            field = f"spec.servers[{index}]"
            if server["port"].get("protocol", "").upper() not in _PLAIN or server.get("tls"):
                raise not_modelled(gateway, field, "only plain HTTP servers are decided on")
            found.append((gateway, field, server))
    return found


def _virtual_host(
    state: State, pod: Pod, servers: list[Server], host: str
) -> tuple[tuple[Rule, ...], list[Reason]]:
    """The rules of the most specific host among all VirtualServices bound to the servers' Gateways."""
    trace: list[Reason] = []
    bound: list[tuple[tuple[bool, int], Resource, str]] = []
    for resource in state.all("networking.istio.io", "VirtualService"):
        best = None
        for gateway, field, server in servers:
            name = f"{gateway.namespace}/{gateway.name}"
            if name not in virtual_service.gateways(resource):
                continue
            if visibility(resource, gateway.namespace) is None:
                trace.append(reason(resource, "spec.exportTo", f"isn't exported to {name}", lost=True))
                continue
            shared = _shared_host(resource, server, gateway, host)
            if shared is None:
                text = f"has no host in common with {gateway} {field} that covers {host}"
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
    rules = [rule for resource, name in chosen for rule in virtual_service.rules(resource, name)]
    return tuple(sorted(rules, key=_is_catch_all)), trace


def _shared_host(resource: Resource, server: Fields, gateway: Resource, host: str) -> str | None:
    """The narrower of a VirtualService's and a server's host that both cover the request's."""
    shared = []
    for wanted in virtual_service.hosts(resource):
        for offered in server.get("hosts") or ():
            namespace, slash, name = offered.rpartition("/")
            namespace = gateway.namespace if namespace == "." else namespace
            open_to = not slash or namespace in ("*", resource.namespace)
            if open_to and covers(wanted, host) and covers(name, host):
                shared.append(max(wanted, name, key=specificity))
    return max(shared, key=specificity) if shared else None


def _is_catch_all(rule: Rule) -> bool:
    """Whether a rule takes every request [Istio: isCatchAllRoute]."""
    if not rule.matches:
        return True
    return any(
        match.uri is not None
        and (match.uri.kind, match.uri.value) in (("prefix", "/"), ("regex", ".*"))
        and not (match.headers or match.query or match.without_headers or match.method)
        for match in rule.matches
    )
