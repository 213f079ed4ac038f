"""From a destination to a pod: endpoints, TLS, retries and time limits of a client's Envoy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import Mesh
from harness.model.istio import extensions
from harness.model.istio.registry import hosts as registry
from harness.model.istio.registry import service_entry
from harness.model.istio.registry.service_entry import EntryPort, Target
from harness.model.istio.upstream import client_tls, destination_rule, zones
from harness.model.network import topology
from harness.model.network.services import endpoints, service_port
from harness.traffic.trace import Action, Part, Step, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.istio.destination_rule import ConsistentHash
    from harness.model.istio.registry.service import Port
    from harness.model.istio.routing.rule import RoutingDestination, RoutingRule
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.message import ClientSide, Endpoint


@dataclass(frozen=True)
class Upstream:
    """The endpoints that a request may go to, the traffic policy towards them, and what decided so.

    `others` are those that get it only while some of the first are left out.
    `name` is what the mesh's own TLS asks for.
    """

    targets: tuple[Target, ...]
    policy: Policy
    name: str
    trace: tuple[Step, ...]
    others: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A destination that leads nowhere: the answer that Envoy gives for it."""

    status: int
    body: str
    trace: tuple[Step, ...]


def upstream(
    side: ClientSide, rule: RoutingRule, destination: RoutingDestination, listener: int
) -> Upstream | Missing:
    """Returns the endpoints of a routing rule's destination as this client's proxy finds them.

    `listener` is the port that the client connected to. A missing host, port or subset is a missing cluster:
    503, or 500 for a Gateway API route. An ExternalName with that port stands for the host behind it.
    """
    origin, field = rule.origin, destination.field
    status = 500 if origin.kind in ("HTTPRoute", "GRPCRoute") else 503

    def missing(text: str, *parts: Part, lost: Iterable[Step] = ()) -> Missing:
        return Missing(status, "", (step(origin, field, Action.FAILED, text, *parts, status), *lost))

    if destination.invalid:
        return missing("{}: {}", destination.invalid)
    services, hidden = registry.destination(side.state, side.client, destination.host)
    number, names = destination.port, destination.host
    for alias in services:
        if alias.target and (side.client.gateway or alias.port(listener)):
            names = alias.target
            services, hidden = registry.destination(side.state, side.client, names)
            break
    ports = registry.ports(services)
    if not services or services[0].target:
        unseen = words(" that {} sees", side.client.namespace) if hidden else ""
        lost = service_entry.passed_over(side.state, listener, names)
        return missing("there is no Service {}{}: {}", names, unseen, lost=lost)
    owner = services[0].origin
    number = number or (ports[0].number if len(ports) == 1 else listener)
    port = next((port for port in ports if port.number == number), None)
    if port is None:
        return missing("{} has no port {}: {}", owner, number)
    why = step(origin, field, Action.MATCHED, "names {}", owner)
    return cluster(side, port, why, destination.subset)


def route_hash(side: ClientSide, destination: RoutingDestination) -> ConsistentHash | None:
    """Returns what the requests of a routing rule to a destination are hashed by, None if by nothing."""
    services, _ = registry.destination(side.state, side.client, destination.host)
    owner = services[0].origin.namespace if services else ""
    rules = destination_rule.find(side.state, destination.host, side.client, owner)
    return rules.route_hash(destination.subset, destination.port)


def of_host(side: ClientSide, port: Port, why: Step) -> Upstream | Missing:
    """Returns the endpoints of a port that no rule is for: those of its host, whoever else has that."""
    services, _ = registry.destination(side.state, side.client, port.host)
    own = next((each for each in registry.ports(services) if each.number == port.number), None)
    if own is None:
        text = "{}, but it is {} that has the host, without this port: 503"
        missing = why.reworded(Action.FAILED, text, why.words, services[0].origin)
        return Missing(503, "", (missing,))
    return cluster(side, own, why)


def cluster(side: ClientSide, port: Port, why: Step, subset: str = "") -> Upstream | Missing:
    """Returns the endpoints of a registry's port (or of a subset of them) under the DestinationRules."""
    state, host, namespace = side.state, port.host, port.origin.namespace
    rules = destination_rule.find(state, host, side.client, namespace)
    near = topology.Near(())
    if not isinstance(port, EntryPort):
        near = topology.on_node(state, side.client, port.service, endpoints(state, port))
    targets = _targets(side, port, near.endpoints)
    passed_over = destination_rule.passed_over(state, host)
    passed_over += service_entry.unselected(state, namespace, _selector(port))
    met = extensions.at_cluster(
        state, side.client, extensions.sending(side.client), port.number, host, subset
    )
    trace = [why, *near.trace, *passed_over, *met]
    if isinstance(port, EntryPort) and any(target.endpoint.port == port.target_port for target in targets):
        trace += service_entry.other_port(port)
    chosen = None
    if subset:
        chosen = rules.subset(subset)
        if chosen is None:
            text = "no DestinationRule that this client sees defines subset {} of {}: 503"
            return Missing(503, "", (why.reworded(Action.FAILED, text, subset, host), *passed_over))
        targets = tuple(target for target in targets if selects(chosen.labels, target.labels))
        text = "subset {} has {} pods"
        trace.append(step(chosen.resource, chosen.path, Action.MATCHED, text, subset, len(targets)))
    if not targets:
        none = why.reworded(Action.FAILED, "{}, which has no pods: 503", why.words)
        return Missing(503, "no healthy upstream", (none, *passed_over, *met))
    policy, others = rules.policy(port.number, chosen), tuple[Target, ...]()
    if destination_rule.passes_through(policy) and not side.client.gateway:
        targets = _as_dialled(side, targets)
    elif not _keeps_address(side, port):
        service = None if isinstance(port, EntryPort) else port.service
        targets, others, shared = zones.shared(state, side.client, service, policy, targets)
        if not targets:
            return Missing(503, "no healthy upstream", (*trace, *shared))
        trace += shared
    name = client_tls.sni(port.number, subset, host)
    trace += destination_rule.reasons(policy, len(targets), side.client)
    return Upstream(targets, policy, name, tuple(trace), others)


def _as_dialled(side: ClientSide, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Where the client dialled, in a destination's place: mutual TLS if all of that one's pods take it."""
    meshed = all(target.meshed and target.endpoint.pod.mesh is Mesh.ISTIO for target in targets)
    return tuple(Target(place, place.pod.labels, meshed=meshed) for place in side.dialled)


def _keeps_address(side: ClientSide, port: Port) -> bool:
    """Whether requests go on to the address that the client dialled: the host has none of its own.

    [istio/istio: pilot/pkg/networking/core/cluster.go, convertResolution]
    """
    if isinstance(port, EntryPort):
        return port.spec.resolution == "NONE"
    return Service.kept(port.service).headless and not side.client.gateway


def _targets(side: ClientSide, port: Port, ready: tuple[Endpoint, ...]) -> tuple[Target, ...]:
    """A port's endpoints; of a Service's those that are `ready`, and its WorkloadEntries."""
    state = side.state
    if isinstance(port, EntryPort):
        if _keeps_address(side, port):
            return tuple(map(Target, _redirected(side, port)))
        return service_entry.targets(state, port)
    if _keeps_address(side, port):
        # Its endpoints share one way: mutual TLS only if each of them has a sidecar.
        meshed = all(endpoint.pod.mesh is Mesh.ISTIO for endpoint in ready)
        meshed = meshed and service_entry.all_meshed(state, port)
        return tuple(Target(place, place.pod.labels, meshed=meshed) for place in side.dialled)
    own = (Target(endpoint, endpoint.pod.labels, meshed=True) for endpoint in ready)
    pods = (*own, *service_entry.added(state, port))
    if not (selector := _selector(port)):
        return pods
    name, number = (port.name, port.target) if isinstance(port.target, int) else (port.target, port.number)
    entries = service_entry.selected_entries(state, port.service.namespace, selector)
    return (
        *pods,
        *(place for entry in entries for place in service_entry.listed(state, entry, number, name)),
    )


def _redirected(side: ClientSide, port: EntryPort) -> tuple[Endpoint, ...]:
    """Where a connection goes on that keeps its address; only a written `targetPort` gives it another port.

    [istio/istio: pilot/pkg/networking/core/cluster_builder.go, PassthroughTargetPorts]
    """
    if not port.target_port:
        return side.dialled
    if side.dialled_service is None:
        return tuple(replace(endpoint, port=port.target_port) for endpoint in side.dialled)
    behind = service_port(side.dialled_service, port.target_port)
    return endpoints(side.state, behind) if behind else ()


def _selector(port: Port) -> Mapping[str, str]:
    """The labels of the WorkloadEntries behind a port (a Service's selector takes them in, too); or none."""
    return port.spec.selector if isinstance(port, EntryPort) else Service.kept(port.service).selector
