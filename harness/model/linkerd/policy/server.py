"""Server: what an inbound proxy is told of one port of some pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import label_selector, spec_of
from harness.model.linkerd.policy.authentication import GROUP
from harness.model.state.tables import SelectorTable, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

UNKNOWN, HTTP1, HTTP2, GRPC, OPAQUE, TLS = "unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"
"""The values of `spec.proxyProtocol`: `unknown` (or none) detects HTTP."""


def at(state: State, pod: Pod, port: int) -> Resource | None:
    """Returns the Server that selects a pod's port, the oldest of several."""
    return next(_selecting(state, pod, port), None)


def makes_opaque(state: State, pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies know by a Server, be it the oldest or not, that a port is opaque."""
    return any(protocol(server) == OPAQUE for server in _selecting(state, pod, port))


def protocol(server: Resource) -> str:
    """Returns the protocol that a Server declares."""
    return str(spec_of(server).get("proxyProtocol") or UNKNOWN)


def _selecting(state: State, pod: Pod, port: int) -> Iterator[Resource]:
    for server in _servers(state).selecting(pod.namespace, pod.labels):
        spec = spec_of(server)
        if label_selector(spec.get("podSelector"), pod.labels) and pod.port(spec["port"]) == port:
            yield server


@per_state
def _servers(state: State) -> SelectorTable[Resource]:
    return SelectorTable(
        (one.namespace, (spec_of(one).get("podSelector") or {}).get("matchLabels") or {}, one)
        for one in state.all(GROUP, "Server")
    )
