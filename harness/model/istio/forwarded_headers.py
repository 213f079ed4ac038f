"""What proxies tell of a client: its address (x-forwarded-for), its certificate (…-client-cert)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import explored
from harness.base.networks import EVERYWHERE, within
from harness.base.vocabulary import Mesh
from harness.model.istio import mesh_config

if TYPE_CHECKING:
    from harness.model.message import Arrival, Message
    from harness.model.state import State

ADDRESS, CERTIFICATE = "x-forwarded-for", "x-forwarded-client-cert"
EXTERNAL = "x-envoy-external-address"

_UNKNOWN = "<ip>"
"""What stands in a header for a pod's address that isn't known."""


def remote(state: State, arrival: Arrival) -> str | None:
    """Returns the address that a proxy takes for the client's, None for the connection's own other end.

    A sidecar believes the last one that x-forwarded-for names; a gateway believes none, unless it is
    told how many proxies stand before it: then the last but so many [Envoy: x-forwarded-for].
    """
    server = arrival.server
    hops = mesh_config.topology(state, server).trusted_proxies if server.gateway else 1
    for line in reversed(arrival.message.header_values(ADDRESS) if hops else []):
        named = () if isinstance(line, explored.Attribute) else line.split(",")
        if not named or hops <= len(named):
            address = _from_end(line, hops)
            return address if any(within(address, every) for every in EVERYWHERE) else None
        hops -= len(named)
    return None


def _listed(lines: str, hops: int) -> str:
    """The text that stands at a place from the end of a list, empty if there is none."""
    named = [part.strip() for part in lines.split(",")]
    return named[-hops] if hops <= len(named) else ""


def _from_end(line: str, hops: int) -> str:
    if not isinstance(line, explored.Attribute):
        return _listed(line, hops)
    if hops == 1 and line.attribute == explored.ADDRESS:  # a list of one
        return line
    proxies = ", 192.0.2.1" * (hops - 1)
    name = f"address {hops} from the end"
    return line.after(explored.Change(name, lambda text: _listed(text, hops), lambda text: (text + proxies,)))


def at_sidecar(arrival: Arrival) -> Message:
    """Returns what a sidecar tells its application: of mutual TLS the client's certificate is added."""
    if arrival.tls is not Mesh.ISTIO:
        return arrival.message.without([CERTIFICATE])
    return arrival.message.listing(CERTIFICATE, _certificate(arrival, ""))


def at_gateway(state: State, arrival: Arrival) -> Message:
    """Returns what a gateway passes on: with the client's address, and of certificates what it shall.

    No address counts as internal unless meshNetworks says so [Envoy: internal_address_config].
    By default what a client says of certificates is replaced by its own, if it shows one [Istio:
    gatewayTopology.forwardClientCertDetails].
    """
    message, mode = arrival.message, mesh_config.topology(state, arrival.server).forward_client_cert
    shown = arrival.tls is Mesh.ISTIO
    if mode in ("SANITIZE", "SANITIZE_SET") or (not shown and mode != "ALWAYS_FORWARD_ONLY"):
        message = message.without([CERTIFICATE])
    if shown and mode in ("SANITIZE_SET", "APPEND_FORWARD"):
        message = message.listing(CERTIFICATE, _certificate(arrival, 'Cert="<certificate>";'))
    ip = arrival.client.ip
    dialled_from = ip if isinstance(ip, explored.Attribute) else ip or _UNKNOWN
    client = remote(state, arrival)
    known = dialled_from if client is None else client
    return message.without([EXTERNAL]).plus((EXTERNAL, known)).listing(ADDRESS, dialled_from)


def _certificate(arrival: Arrival, whole: str) -> str:
    by, uri = (pod.identities[Mesh.ISTIO] for pod in (arrival.server, arrival.client))
    return f'By={by};Hash=<hash>;{whole}Subject="";URI={uri}'
