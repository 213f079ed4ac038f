"""Which Servers select a pod's port, and which of them speaks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.api.linkerd.policy import OPAQUE, LinkerdServer
from harness.model.state.tables import SelectorTable, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model.state import Pod, State


def server_at(state: State, pod: Pod, port: int) -> LinkerdServer | None:
    """Returns the Server that selects a pod's port, the oldest of several."""
    return next(_selecting(state, pod, port), None)


def makes_opaque(state: State, pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies know by a Server, be it the oldest or not, that a port is opaque."""
    return any(server.protocol == OPAQUE for server in _selecting(state, pod, port))


def _selecting(state: State, pod: Pod, port: int) -> Iterator[LinkerdServer]:
    for server in _servers(state).selecting(pod.namespace, pod.labels):
        selector = server.machine_selector if pod.machine else server.pod_selector
        fits = server.for_machines is pod.machine and selector.selects(pod.labels)
        if fits and pod.port(server.port) == port:
            yield server


@per_state
def _servers(state: State) -> SelectorTable[LinkerdServer]:
    servers = map(LinkerdServer.kept, state.all(GROUP, "Server"))
    read = ((each, each.machine_selector if each.for_machines else each.pod_selector) for each in servers)
    return SelectorTable((each.resource.namespace, selector.match_labels, each) for each, selector in read)
