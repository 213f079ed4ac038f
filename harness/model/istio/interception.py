"""Connections that go round Istio's sidecar: ports that its pod's firewall rules leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.arrival import Arrival
    from harness.model.state.pods import Pod

_INBOUND = "traffic.sidecar.istio.io/excludeInboundPorts"
_OUTBOUND = "traffic.sidecar.istio.io/excludeOutboundPorts"


def outbound(client: Pod, port: int) -> Step | None:
    """Returns why a client's connection to a port goes round its sidecar, None if it doesn't.

    The port is the one that is dialled: a Service's, not its pods'.
    """
    if not _excluded(client, _OUTBOUND, port):
        return None
    text = "{} goes round its sidecar to port {} ({}): no mutual TLS, no route"
    return built_in(Action.BYPASSED, text, client.workload, port, _OUTBOUND)


def inbound(arrival: Arrival) -> Step | None:
    """Returns why a connection reaches a pod round its sidecar, None if it doesn't.

    Clients' sidecars don't know: they begin mutual TLS, and nothing ends it.
    """
    server, port = arrival.server, arrival.port
    if not _excluded(server, _INBOUND, port):
        return None
    text = "port {} of {} goes round its sidecar ({}): no policy"
    return built_in(Action.BYPASSED, text, port, server.workload, _INBOUND)


def _excluded(pod: Pod, annotation: str, port: int) -> bool:
    if pod.gateway:  # whose connections nothing intercepts
        return False
    return str(port) in (part.strip() for part in pod.annotations.get(annotation, "").split(","))
