"""What takes a pod's connections, on either side, and decides on them: a mesh's proxies, or nothing.

A data plane is a module with all that `DataPlane` asks for; `planes` has the table of them, and chooses by
the pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.arrival import Arrival, Deliver
    from harness.model.distribution import Branches
    from harness.model.message import Message
    from harness.model.network.services import Endpoint
    from harness.model.state.pods import Pod
    from harness.model.state.state import State
    from harness.traffic.counters import Meter
    from harness.traffic.outcomes import Outcome
    from harness.traffic.trace import Step


class DataPlane(Protocol):
    """One way to take a pod's connections."""

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose mutual TLS it ends, None if it ends none."""

    @property
    def agent_port(self) -> int | None:
        """The port of its agent, which asks the application in the kubelet's place, if it has one."""

    @property
    def route_groups(self) -> frozenset[str]:
        """The API groups of the routes on a Service that its clients follow."""

    @property
    def takes_any_port(self) -> bool:
        """Whether it takes connections to ports that a Service doesn't have."""

    def routes(self, state: State, service: Resource, /) -> Iterable[tuple[Resource, str]]:
        """Returns what else routes its clients' requests to a Service, each with the field that says so."""

    def holds(self, pod: Pod, /) -> bool:
        """Returns whether it takes a pod's connections."""

    # The client's side

    def outbound_bypass(self, state: State, client: Pod, port: int, /) -> Step | None:
        """Returns why a connection that a pod makes to a port goes round it, None if it doesn't.

        The port is the one that is dialled: a Service's, not its pods'.
        """

    def send(
        self, state: State, client: Pod, service: Resource, port: int, message: Message, deliver: Deliver, /
    ) -> Branches[Outcome]:
        """Returns what a request gets that a pod sends to a port of a Service."""

    def dial(
        self,
        state: State,
        client: Pod,
        service: Resource | None,
        endpoint: Endpoint,
        message: Message,
        deliver: Deliver,
        /,
    ) -> Branches[Outcome]:
        """Returns what a request gets that a pod sends to an address: another pod's, or outside.

        `service` is the Service whose name led to the address, if any.
        """

    def pass_on(self, state: State, gateway: Pod, arrival: Arrival, deliver: Deliver, /) -> Branches[Outcome]:
        """Returns what a connection gets that a gateway in the pod makes, as it would arrive without it."""

    # The server's side

    def inbound_bypass(self, state: State, arrival: Arrival, /) -> Step | None:
        """Returns why a connection reaches its pod round it, None if it doesn't."""

    def receive(
        self, state: State, arrival: Arrival, serve: Deliver, deliver: Deliver, /
    ) -> Branches[Outcome]:
        """Returns what a request gets that arrives; `serve` is what the pod runs (an application, a gateway).

        `deliver` is how it asks others whether the request may pass.
        """

    # What shows

    def rewrites_probes(self, pod: Pod, /) -> bool:
        """Returns whether its agent asks the application in the kubelet's place."""

    def shows(self, state: State, meter: Meter, counter: str, /, *, goes_out: bool) -> bool:
        """Returns whether the proxies at a workload have a counter, of requests that go out or come in.

        Raises NotPredictedError where that isn't known.
        """
