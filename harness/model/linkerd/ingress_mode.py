"""Ingress mode: a proxy that sends each request where its header l5d-dst-override says.

HTTP is always detected; what has no such header, and what isn't HTTP, goes where it was dialled
[linkerd2-proxy: app/outbound, ingress.rs].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.matching import Asking, TextMatch
from harness.model import replies
from harness.model.distribution import after, certain
from harness.model.linkerd import outbound
from harness.model.network.services import fqdn, service_ports
from harness.model.state.tables import per_state
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.message import Answers, ClientSide, Message
    from harness.model.state import Pod, State

HEADER = "l5d-dst-override"

_PORT = 80
"""The port of a destination that names none."""

_SERVICE = TextMatch("regex", r"[^.:/]+\.[^.:/]+\.svc\.cluster\.local(:[0-9]{1,5})?")


def overridden(side: ClientSide, message: Message) -> Answers | None:
    """Returns what comes of a request whose client's proxy goes by the header; None where it doesn't."""
    if not is_on(side.client) or message.opaque:
        return None
    wanted = next(iter(message.header_lines(HEADER)), None)
    if wanted is None:
        return None
    sent = message.without([HEADER])
    place = _named(side.state, wanted)
    if place is not None:
        service, number = place
        why = built_in(Action.LED, "{} leads to {}, port {}, whatever was dialled", HEADER, service, number)
        return after(outbound.send(side, service, number, sent), why)
    if _SERVICE.holds(wanted):
        text = f"no endpoints at what {HEADER} names: 503 (the first request waits 3 s and gets 504)"
        answer = replies.linkerd(sent, 503, f"logical service {wanted}: service unavailable", close=True)
        return certain(answer, built_in(Action.FAILED, text))
    text = f"what {HEADER} names is no Service's full name: the connection ends without an answer"
    return certain(replies.closed(message), built_in(Action.FAILED, text))


def is_on(client: Pod) -> bool:
    """Returns whether a pod's proxy runs so."""
    return any(proxy.ingress for proxy in client.proxies)


def _named(state: State, wanted: str) -> tuple[Resource, int] | None:
    table = _authorities(state)
    name = wanted.which(frozenset(table), frozenset()) if isinstance(wanted, Asking) else wanted.lower()
    return table.get(name) if name is not None else None


@per_state
def _authorities(state: State) -> dict[str, tuple[Resource, int]]:
    """Services' ports by what the header calls them."""
    every = [(fqdn(service), service) for service in state.all("", "Service")]
    whole = {name: (service, _PORT) for name, service in every}
    return whole | {
        f"{name}:{port.number}": (service, port.number)
        for name, service in every
        for port in service_ports(service)
    }
