"""The kubelet's probes of a container, as its spec declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Handler = Literal["httpGet", "tcpSocket", "grpc", "exec"]

_HANDLERS: tuple[Handler, ...] = ("httpGet", "tcpSocket", "grpc", "exec")


@dataclass(frozen=True)
class Probe:
    """One probe: `name` is its field (`readinessProbe`); `port` is None for `exec`, and for a name unknown.

    `tls` tells that the kubelet speaks TLS, without checking the certificate.
    """

    name: str
    handler: Handler
    port: int | None = None
    path: str = "/"
    tls: bool = False


def probes_of(container: Mapping[str, Any], ports: Mapping[str, int]) -> tuple[Probe, ...]:
    """Returns a container's probes; a port's name is looked up among its own ports."""
    return tuple(_probes(container, ports))


def _probes(container: Mapping[str, Any], ports: Mapping[str, int]) -> Iterator[Probe]:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        said = container.get(name) or {}
        handler = next((one for one in _HANDLERS if said.get(one)), None)
        if handler is None:
            continue
        action = said[handler]
        port = str(action.get("port", ""))
        number = ports.get(port, int(port) if port.isdecimal() else None)
        yield Probe(name, handler, number, action.get("path") or "/", action.get("scheme") == "HTTPS")
