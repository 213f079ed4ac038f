"""What a gateway does for other clusters' proxies: it sends mutual TLS on to the Service that its name says.

[istio/istio: pilot/pkg/networking/core/gateway.go, builtAutoPassthroughFilterChains]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers
from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model.distribution import after, certain, shares, then
from harness.model.istio.registry import hosts as registry
from harness.model.istio.upstream import cluster as upstream
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from harness.model.istio.gateway.server import GatewayServer
    from harness.model.istio.registry.service_entry import Target
    from harness.model.message import Answers, Arrival, ClientSide


def passed(side: ClientSide, arrival: Arrival, server: GatewayServer) -> Answers:
    """Returns what comes back of TLS at a server of mode AUTO_PASSTHROUGH.

    Only the mesh's own, for a Service that the server's hosts cover, goes on, to pods that take it; no policy
    of the gateway's is asked.
    """
    destination = _destination(side, arrival, server)
    if destination is None:
        wanted = arrival.sni or arrival.message.sni or "no name"
        text = "only takes the mesh's own TLS for a Service that it covers, not {}: the connection is closed"
        why = server.step("tls.mode", Action.FAILED, text, wanted)
        return certain(Outcome(failure=Failure.TLS if arrival.message.tls else Failure.RESET), why)
    if isinstance(destination, upstream.Missing):
        return certain(Outcome(failure=Failure.RESET), *destination.trace)
    meshed = tuple(place for place in destination.targets if place.endpoint.pod.mesh is Mesh.ISTIO)

    def send(place: Target) -> Answers:
        pod, port = place.endpoint.pod, place.endpoint.port
        return side.deliver(with_fields(arrival, server=pod, port=port))

    if not meshed:
        text = "has no pods with a sidecar: the connection is closed"
        return certain(Outcome(failure=Failure.RESET), server.step("tls.mode", Action.FAILED, text))
    return after(then(shares((place.weight, place, ()) for place in meshed), send), *destination.trace)


def _destination(
    side: ClientSide, arrival: Arrival, server: GatewayServer
) -> upstream.Upstream | upstream.Missing | None:
    name = arrival.sni.split("_", 3)
    if arrival.tls is not Mesh.ISTIO or len(name) != 4 or name[0] != "outbound":
        return None
    port, subset, host = (part.strip(".") for part in name[1:])
    if not any(covers(own, host) for own in server.names):
        return None
    services, _ = registry.destination(side.state, side.client, host)
    own_port = next((each for each in registry.ports(services) if str(each.number) == port), None)
    if own_port is None:
        return None
    why = server.step("tls.mode", Action.MATCHED, "sends {} on to {}", arrival.sni, host)
    return upstream.cluster(side, own_port, why, subset=subset)
