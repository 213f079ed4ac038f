"""Istio's data plane: sidecars, and gateways, which are proxies themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.istio import pod_annotations
from harness.api.istio.hosts import MESH
from harness.api.istio.mesh_config import Telemetry
from harness.base import explored
from harness.base.vocabulary import Mesh
from harness.model.data_plane import DataPlane
from harness.model.distribution import after
from harness.model.istio import inbound, mesh_config, revision, sidecar
from harness.model.istio.registry import listeners, sidecar_scope
from harness.model.istio.registry.listeners import Place
from harness.model.istio.routing import virtual_service
from harness.model.istio.security import mutual_tls
from harness.model.network.services import endpoints, fqdn, service_port
from harness.traffic.observables import ENVOY_REQUESTS, GOLDEN
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model.message import Answers, Arrival, ClientSide, Deliver, Endpoint, Message
    from harness.model.state import Pod, State
    from harness.traffic.observables import Meter
    from harness.traffic.trace import Step

_REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
_NO = ("0", "f", "F", "false", "False", "FALSE")

_OWN_COUNTERS = "sidecar.istio.io/statsInclusion"
"""The beginning of the annotations by which a pod chooses Envoy's counters for itself."""


class IstioDataPlane(DataPlane):
    """An Envoy beside each pod of the mesh, or in its place."""

    mesh = Mesh.ISTIO
    agent_port = 15020
    route_groups = frozenset((gateway_api.GROUP,))
    takes_any_port = True

    def routes(self, state: State, service: Resource) -> Iterator[tuple[Resource, str]]:
        """Yields the VirtualServices for a Service's host that sidecars follow."""
        for rules in virtual_service.by_host(state).covering(fqdn(service)):
            if MESH in virtual_service.gateways(rules):
                yield rules, "spec.hosts"

    def outbound_bypass(self, state: State, client: Pod, port: int) -> Step | None:
        annotation = _round(pod_annotations.round_outbound, client, port)
        if not annotation:
            return None
        text = "{} goes round its sidecar to port {} ({}): no mutual TLS, no route"
        return built_in(Action.BYPASSED, text, client.workload, port, annotation)

    def takes(self, state: State, client: Pod, host: str) -> bool:
        return listeners.answers(state, client, host)

    def send(self, side: ClientSide, service: Resource, port: int, message: Message) -> Answers:
        dialled = service_port(service, port)
        places = endpoints(side.state, dialled) if dialled else ()
        behind = replace(side, dialled=places, dialled_service=service)
        return _sent(behind, Place.of_service(service, port), message)

    def dial(
        self, side: ClientSide, service: Resource | None, endpoint: Endpoint, message: Message
    ) -> Answers:
        place = Place.of_endpoint(side.state, side.client, endpoint)
        return _sent(replace(side, dialled=(endpoint,)), place, message)

    def own(self, side: ClientSide, port: int, message: Message) -> Answers | None:
        """Returns what a Sidecar's listener without capture answers there, which is on the loopback."""
        if side.client.gateway or not listeners.has_own(side.state, side.client, port):
            return None
        return _sent(side, Place(listeners.LOOPBACK, port), message)

    def inbound_bypass(self, state: State, arrival: Arrival) -> Step | None:
        """Clients' sidecars don't know of it: they begin mutual TLS, and nothing ends it."""
        server, port = arrival.server, arrival.port
        annotation = _round(pod_annotations.round_inbound, server, port)
        if not annotation:
            return None
        text = "port {} of {} goes round its sidecar ({}): no policy"
        return built_in(Action.BYPASSED, text, port, server.workload, annotation)

    def receive(self, state: State, arrival: Arrival, serve: Deliver, deliver: Deliver) -> Answers:
        if arrival.server.gateway:  # before which no sidecar stands
            return serve(arrival)
        received = inbound.receive(state, arrival, serve, deliver)
        return after(received, *mutual_tls.passed_over(state, arrival.server))

    def rewrites_probes(self, pod: Pod) -> bool:
        """Returns whether no annotation forbids it [istio/istio: pkg/kube/inject, app_probe.go]."""
        return pod.annotations.get(_REWRITE) not in _NO

    def shows(self, state: State, meter: Meter, counter: str, *, goes_out: bool) -> bool:
        """Returns whether the installation shows a counter [istio/istio: pilot/pkg/model/telemetry.go]."""
        if counter not in (*GOLDEN[meter.mesh], ENVOY_REQUESTS):
            raise meter.unknown(counter)
        config = mesh_config.read(state)
        envoys = config.proxy.stats_matcher
        if counter == ENVOY_REQUESTS:
            shown = any("downstream_rq_total".endswith(suffix) for suffix in envoys.inclusion_suffixes)
            marks = (key for pod in state.pods_of(meter.at) for key in pod.annotations)
            if any(key.startswith(_OWN_COUNTERS) for key in marks) or (not shown and envoys.undeclared()):
                raise meter.unpredicted("whether Envoy shows its own count depends on more than suffixes")
            return shown
        telemetries = map(Telemetry.of, revision.acting(state, "telemetry.istio.io", "Telemetry"))
        if any(telemetry.metrics for telemetry in telemetries):
            raise meter.unpredicted("a Telemetry changes what Istio's proxies count")
        return "prometheus" in config.default_providers.metrics


def _sent(side: ClientSide, place: Place, message: Message) -> Answers:
    return after(sidecar.send(side, place, message), *sidecar_scope.passed_over(side.state, side.client))


def _round(annotation: Callable[[Mapping[str, str], int], str], pod: Pod, port: int) -> str:
    """The annotation by which a port goes round a pod's proxy, if any: never round a gateway."""
    return "" if pod.gateway else explored.of(annotation, pod.annotations, port)
