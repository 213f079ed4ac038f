"""How a server's sidecar reads what arrives: as HTTP, or as bytes that it passes on.

By what the Service says of the port, and by what the bytes look like where it says nothing
[istio/istio: pilot/pkg/networking/core/filterchain_options.go].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model import app_ports
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.model.message import Arrival
    from harness.model.state.state import State


SERVER_FIRST = "it waits for the client's first bytes: a server that speaks first isn't heard before"
"""What a proxy does that has to find out what a connection is."""


def as_read(state: State, arrival: Arrival) -> Arrival:
    """Returns an arrival as the server's sidecar takes it: `opaque` where it reads no HTTP in it.

    Where the port says nothing, the client's sidecar tells inside of mutual TLS how it has read it.
    """
    port = app_ports.declared(state, arrival.server, arrival.port)
    if port is not None and port.http:
        opaque = arrival.message.opaque
    elif port is not None and port.protocol:
        opaque = True
    else:
        opaque = arrival.message.opaque or (arrival.opaque and arrival.tls is Mesh.ISTIO)
    return with_fields(arrival, opaque=opaque)


def unreadable(state: State, arrival: Arrival) -> Step | None:
    """Returns why the sidecar closes a connection of which it can't make anything; None if it can."""
    port = app_ports.declared(state, arrival.server, arrival.port)
    if port is None or not port.http or not arrival.message.opaque:
        return None
    text = "port {} is HTTP's by name or appProtocol: what isn't HTTP is closed"
    return step(port.service, "spec.ports", Action.FAILED, text, port.number)
