"""What takes a pod's connections, on either side, and decides on them: a mesh's proxies, or nothing.

`DataPlane` is that of pods without a proxy: kube-proxy picks the server, whose application answers itself. A
mesh's says what is different with its proxies; `planes` has the table of them, and chooses by the pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.network import topology
from harness.model.network.services import by_kube_proxy, endpoints, service_port

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.message import Answers, Arrival, ClientSide, Deliver, Endpoint, Message
    from harness.model.state import Pod, State
    from harness.traffic.observables import Meter
    from harness.traffic.trace import Step


class DataPlane:
    """One way to take a pod's connections; this one is no proxy's."""

    mesh: Mesh | None = None
    """The mesh whose proxies these are, and whose mutual TLS they end."""

    agent_port: int | None = None
    """The port of its agent, which asks the application in the kubelet's place, if it has one."""

    route_groups: frozenset[str] = frozenset()
    """The API groups of the routes on a Service that its clients follow."""

    takes_any_port = False
    """Whether it takes connections to ports that a Service doesn't have."""

    def routes(self, state: State, service: Resource) -> Iterable[tuple[Resource, str]]:
        """Returns what else routes its clients' requests to a Service, each with the field that says so."""
        return ()

    # The client's side

    def outbound_bypass(self, state: State, client: Pod, port: int) -> Step | None:
        """Returns why a connection to a port (as dialled, not its pods') goes round it, or None."""
        return None

    def takes(self, state: State, client: Pod, host: str) -> bool:
        """Returns whether it knows where a name or an address leads of which nobody else knows that."""
        return False

    def send(self, side: ClientSide, service: Resource, port: int, message: Message) -> Answers:
        """Returns what a request gets that a pod sends to a port of a Service."""
        dialled = service_port(service, port)
        ready = endpoints(side.state, dialled) if dialled else ()
        near = topology.near(side.state, side.client, service, ready, nodes=True)
        return by_kube_proxy(side, service, ready, message, near)

    def dial(
        self, side: ClientSide, service: Resource | None, endpoint: Endpoint, message: Message
    ) -> Answers:
        """Returns what a request to an address gets; `service` is the one whose name led there, if any."""
        return side.dial(endpoint.pod, endpoint.port, message)

    def own(self, side: ClientSide, port: int, message: Message) -> Answers | None:
        """Returns what it answers itself on its pod's loopback, None if it doesn't listen there."""
        return None

    def pass_on(self, side: ClientSide, arrival: Arrival) -> Answers:
        """Returns what a connection gets that a gateway in the pod makes, as it would arrive without it."""
        return side.deliver(arrival)

    # The server's side

    def inbound_bypass(self, state: State, arrival: Arrival) -> Step | None:
        """Returns why a connection reaches its pod round it, None if it doesn't."""
        return None

    def receive(self, state: State, arrival: Arrival, serve: Deliver, deliver: Deliver) -> Answers:
        """Returns what a request gets; `serve` is what the pod runs, by `deliver` it asks others."""
        return serve(arrival)

    # What shows

    def rewrites_probes(self, pod: Pod) -> bool:
        """Returns whether its agent asks the application in the kubelet's place."""
        return False

    def shows(self, state: State, meter: Meter, counter: str, *, goes_out: bool) -> bool:
        """Returns whether the proxies at a workload have a counter; raises NotPredictedError if unknown."""
        return False
