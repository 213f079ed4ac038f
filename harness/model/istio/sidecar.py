"""The client's side: what a sidecar does with a request of its own pod.

Headers that only trace (x-request-id, x-b3-…, x-envoy-decorator-operation) are left out of what servers see.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.istio.proxy_changes import OUTBOUND
from harness.model import replies
from harness.model.distribution import after, certain
from harness.model.istio import connection, extensions
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import listeners, service_entry, sidecar_scope
from harness.model.istio.routing import connection_rule, router, virtual_host
from harness.model.istio.routing.rule import Chosen, first_match
from harness.model.istio.security.access import with_normal_path
from harness.model.istio.upstream import cluster as upstream
from harness.model.istio.upstream import tries
from harness.model.istio.upstream.retries import Retries
from harness.model.network.services import ServicePort
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.model.istio.registry.listeners import Listener, Place
    from harness.model.message import Answers, ClientSide, Message

_OWN_PORTS = {15001: Failure.RESET, 15006: Failure.EMPTY_REPLY}
"""Where connections are redirected to: who dials them is closed [istio/istio: blackholeFilterChain]."""


def send(side: ClientSide, place: Place, message: Message) -> Answers:
    """Returns what a request gets that a pod with a sidecar sends to a Service's address, or elsewhere."""
    if place.number in _OWN_PORTS:
        text = "port {} is the sidecar's own: the connection is closed"
        failure = Failure.TLS if message.tls else _OWN_PORTS[place.number]
        return certain(Outcome(failure=failure), built_in(Action.FAILED, text, place.number))
    listener = listeners.find(side.state, side.client, place)
    names = connection.hosts_of(place, message)
    lost = service_entry.passed_over(side.state, place.number, *names)
    ports, chain = frozenset((place.number,)), None
    if listener is not None:
        chain, why = connection_rule.find(side.state, side.client, listener, place, message)
        if chain is None and listener.http and not message.opaque:
            met = extensions.at_listener(side.state, side.client, OUTBOUND, ports, http=True)
            return after(_http(side, place, listener, message), *met, *lost)
        lost += why
    lost += extensions.at_listener(side.state, side.client, OUTBOUND, ports, http=not message.opaque)
    if listener is None and not message.opaque and sidecar_scope.of(side.state, side.client).by_host:
        return after(connection.passed_http(side, place, message), *lost)
    return after(connection.send(side, place, listener, chain, message), *lost)


def _http(side: ClientSide, place: Place, listener: Listener, message: Message) -> Answers:
    state, client = side.state, side.client
    read = with_normal_path(state, message)
    if isinstance(read, Step):
        return certain(replies.envoy(message, 400), read)
    message = read.without(["x-forwarded-client-cert"])  # a client's own is never passed on
    if listener.own is not None:
        owner = virtual_host.of_service(state, client, listener.own.service, listener.own.port)
    else:
        owner = virtual_host.find(state, client, place.number, message.host.lower())
    ports = frozenset((place.number,))
    met = extensions.at_virtual_host(state, client, OUTBOUND, ports, owner.host)
    if met:
        owner = replace(owner, trace=(*owner.trace, *met))
    if owner.rules is not None:
        chosen = first_match(owner.rules, message)
        if isinstance(chosen, Chosen):
            return after(router.follow(side, place.number, message, chosen), *owner.trace)
        no_route = built_in(Action.ANSWERED, "no rule matches: the sidecar answers 404")
        return certain(replies.envoy(message, 404), *owner.trace, *chosen, no_route)
    if owner.port is None:
        unseen = registry.unseen(state, client, place.number, *connection.hosts_of(place, message))
        return after(connection.passed_http(side, place, message), *unseen, *owner.trace)
    field = "spec.selector" if isinstance(owner.port, ServicePort) else "spec.resolution"
    text = "no route for it: its endpoints about evenly"
    why = step(owner.port.origin, field, Action.MATCHED, text)
    return after(tries.send(side, message, upstream.of_host(side, owner.port, why), Retries()), *owner.trace)
