"""Connections that go round Linkerd's proxy: ports and networks that its pod's firewall rules leave alone."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import WORKLOADS
from harness.api.linkerd.annotation import SKIP_INBOUND, SKIP_OUTBOUND, SKIP_SUBNETS
from harness.api.linkerd.ports import Ports, lenient
from harness.base.errors import not_modelled
from harness.model.linkerd import config
from harness.model.network.addresses import contains
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.message import Arrival
    from harness.model.state import Pod, State


def outbound(state: State, client: Pod, port: int) -> Step | None:
    """Returns why a connection to a port (as dialled, not the pods') goes round Linkerd's proxy, or None."""
    skipped, where = _ports(client, SKIP_OUTBOUND, config.of(state).skip_outbound)
    if port not in skipped:
        return None
    text = "{} goes round its proxy to port {} ({}): no mutual TLS, no route"
    return built_in(Action.BYPASSED, text, client.workload, port, where)


def unmeshed(pod: Pod, port: int) -> bool:
    """Returns whether clients' proxies know that a pod's port has no proxy: its annotation says so."""
    return port in lenient(pod.annotations.get(SKIP_INBOUND, ""))


def inbound(state: State, arrival: Arrival) -> Step | None:
    """Returns why a plaintext connection reaches a pod round Linkerd's proxy, None if it doesn't.

    What comes over Linkerd's mutual TLS comes to the proxy's own port, which nothing skips.
    """
    if arrival.tls is not None:
        return None
    server, settings = arrival.server, config.of(state)
    skipped, where = _ports(server, SKIP_INBOUND, settings.skip_inbound)
    if arrival.port in skipped:
        text = "port {} of {} goes round its proxy ({}): no policy"
        return built_in(Action.BYPASSED, text, arrival.port, server.workload, where)
    said = server.annotations.get(SKIP_SUBNETS)
    networks = said.split(",") if said is not None else settings.skip_subnets
    if any(_from(state, arrival, network.strip()) for network in networks if network.strip()):
        text = "{} is reached round its proxy from there ({}): no policy"
        return built_in(Action.BYPASSED, text, server.workload, SKIP_SUBNETS)
    return None


def _ports(pod: Pod, annotation: str, default: Ports) -> tuple[Ports, str]:
    said = pod.annotations.get(annotation)
    return (default, "by default") if said is None else (lenient(said), annotation)


def _from(state: State, arrival: Arrival, network: str) -> bool:
    """Whether the client is in a network that the server's firewall rules leave alone."""
    name = arrival.server.workload
    workload = next(filter(None, (state.get(*kind, name.namespace, name.name) for kind in WORKLOADS)))
    field = f"annotation {SKIP_SUBNETS}"
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        raise not_modelled(workload, field, f"{network!r} isn't a network") from None
    return contains(workload, field, parsed, arrival.client)
