"""Services and their ports, the pods behind them (or what somebody wrote to be there), and kube-proxy's pick.

Endpoints that Kubernetes' controllers write for Services with a selector are taken in and passed over: the
model knows the pods. [Kubernetes: Services without selectors, EndpointSlices]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from harness.api.istio.hosts import protocol_of
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.service import (
    MANAGED_BY,
    SERVICE_NAME,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    Service,
)
from harness.base.errors import NotModelledError, did_you_mean, not_modelled
from harness.base.records import with_fields
from harness.base.resources import Resource, per_object
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model import apps
from harness.model.distribution import certain, mapped, shares, then
from harness.model.message import ClientSide, Endpoint
from harness.model.network import topology
from harness.model.network.addresses import inside
from harness.model.network.machines import machines, machines_by_labels
from harness.model.state import Pod, State
from harness.model.state.tables import LabelTable, grouped, per_state
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.request import HOST, Request
from harness.traffic.series import BY_CONNECTION, Affinity, Key
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.model.message import Answers, Deliver, Message


HTTP = ("http", "http2", "grpc")
"""What a port may say to speak that is HTTP."""

GROUP = "discovery.k8s.io"

_CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service."""

    service: Resource
    number: int
    target: int | str
    name: str = ""
    app_protocol: str = ""

    @property
    def protocol(self) -> str:
        """`http`, `http2`, `grpc`, `tls`, `tcp`, or empty if the port says none (it is detected then)."""
        return protocol_of(self.app_protocol or self.name, self.number)

    @property
    def http(self) -> bool:
        """Whether the port says that it speaks HTTP."""
        return self.protocol in HTTP

    @property
    def origin(self) -> Resource:
        """The object that it is from: as of what is no Service's."""
        return self.service

    @property
    def host(self) -> str:
        """The full name that it is known by."""
        return fqdn(self.service)


def fqdn(service: Resource) -> str:
    """Returns the Service's full name."""
    return f"{service.name}.{service.namespace}.svc.{CLUSTER_DOMAIN}"


def names(service: Resource, namespace: str) -> tuple[str, ...]:
    """Returns the names by which a client in a namespace may call a Service."""
    short = f"{service.name}.{service.namespace}"
    alone = (service.name,) if service.namespace == namespace else ()
    return (f"{short}.svc.{CLUSTER_DOMAIN}", f"{short}.svc", short, *alone)


@per_object
def service_ports(service: Resource) -> tuple[ServicePort, ...]:
    """Returns the Service's ports in their order."""
    return tuple(
        ServicePort(service, port.number, port.target, port.name, port.app_protocol)
        for port in Service.of(service).ports
        if port.protocol == "TCP"
    )


def service_port(service: Resource, number: int) -> ServicePort | None:
    """Returns the Service's port with this number, if it has one."""
    return next((port for port in service_ports(service) if port.number == number), None)


def endpoints(state: State, port: ServicePort) -> tuple[Endpoint, ...]:
    """Returns what is behind a Service's port: ready pods' ports, or what hand-written endpoints say.

    Raises NotModelledError for an endpoint whose address is a pod's that nobody knows.
    """
    if Service.kept(port.service).selector:
        targets = ((pod, pod.port(port.target)) for pod in _selected(state, port.service))
        return tuple(Endpoint(pod, number) for pod, number in targets if number is not None)
    return tuple(
        Endpoint(pod, written.ports[port.name], named=bool(written.pod))
        for written in _written(state, port.service)
        if port.name in written.ports
        for pod in _at(state, port.service, written)
    )


def addresses(state: State, service: Resource) -> tuple[Pod, ...]:
    """Returns the pods that a headless Service's name leads to, whatever their ports."""
    if Service.kept(service).selector:
        return _selected(state, service)
    places = (_at(state, service, written) for written in _written(state, service))
    return tuple({(pod.namespace, pod.name): pod for pods in places for pod in pods}.values())


def _selected(state: State, service: Resource) -> tuple[Pod, ...]:
    selector = Service.kept(service).selector
    pods = _pods_by_labels(state).selected(service.namespace, selector)
    if machines(state):
        pods = [*pods, *machines_by_labels(state).selected(service.namespace, selector)]
    return tuple(pod for pod in pods if pod.ready or Service.kept(service).publishes_unready)


def _at(state: State, service: Resource, written: Written) -> tuple[Pod, ...]:
    """The pods, or places outside of the cluster, that a hand-written endpoint means."""
    if not (written.ready or Service.kept(service).publishes_unready):
        return ()
    named = _pods_by_name(state).get((service.namespace, written.pod))
    if named:
        return (named,)
    pods = [pods_by_address(state).get(address) for address in written.addresses]
    for address, pod in zip(written.addresses, pods, strict=True):
        if pod is None and inside(address):
            why = f"{address} is in the cluster, but nobody knows whose it is"
            raise not_modelled(written.origin, written.field, why)
    return tuple(pod or Pod.at(address) for address, pod in zip(written.addresses, pods, strict=True))


@per_state
def pods_by_address(state: State) -> dict[str, Pod]:
    """Machines, and pods whose address a dump tells; those on their host's network have none of their own."""
    own = (*(pod for pod in state.pods if not pod.host_network), *machines(state))
    return {ip: pod for pod in own for ip in (pod.ip, *pod.addresses) if ip}


@per_state
def _pods_by_name(state: State) -> dict[tuple[str, str], Pod]:
    return {(pod.namespace, pod.name): pod for pod in state.pods}


@per_state
def _pods_by_labels(state: State) -> LabelTable[Pod]:
    return LabelTable((pod.namespace, pod.labels, pod) for pod in state.pods)


Item = TypeVar("Item")


def alike(state: State, choices: Iterable[tuple[int, Endpoint, Item]]) -> list[tuple[int, Item]]:
    """Returns one of the choices whose endpoints fare alike, with the sum of their weights.

    Those are the pods of one workload that differ by name alone, if their application isn't known to
    answer with its name.
    """
    groups: dict[tuple[int, int, bool], tuple[int, Item]] = {}
    for weight, endpoint, item in choices:
        pod = _alike(state).get(id(endpoint.pod), endpoint.pod)
        key = (id(pod), endpoint.port, endpoint.named)
        before, first = groups.get(key, (0, item))
        groups[key] = (before + weight, first)
    return list(groups.values())


@per_state
def _alike(state: State) -> dict[int, Pod]:
    """The first of the pods that are like a pod, by the pod's place in memory: a state keeps its pods."""
    return {
        id(pod): pods[0]
        for pods in state.running.values()
        for pod in pods
        if not any(map(apps.known, pod.containers)) and replace(pod, name=pods[0].name) == pods[0]
    }


@dataclass(frozen=True)
class Written:
    """Addresses of a Service and their ports by name; `pod` is what they say to be, if they do."""

    origin: Resource
    field: str
    addresses: tuple[str, ...]
    pod: str
    ready: bool
    ports: Mapping[str, int]


def _written(state: State, service: Resource) -> tuple[Written, ...]:
    """Returns what hand-written EndpointSlices and Endpoints say of a Service."""
    return tuple(_by_service(state).get((service.namespace, service.name), ()))


@per_state
def _by_service(state: State) -> dict[tuple[str, str], list[Written]]:
    slices = (
        ((each.namespace, labels_of(each).get(SERVICE_NAME, "")), written)
        for each in state.all(GROUP, "EndpointSlice")
        if labels_of(each).get(MANAGED_BY) not in _CONTROLLERS
        for written in _of_slice(each)
    )
    older = (
        ((each.namespace, each.name), written)
        for each in state.all("", "Endpoints")
        for written in _of_endpoints(each)
    )
    return grouped((*slices, *older))


def _of_slice(resource: Resource) -> Iterator[Written]:
    written = EndpointSlice.of(resource)
    ports = _ports(written.ports)
    for part in written.endpoints:
        ready = part.conditions.ready
        yield Written(resource, part.path, part.addresses, part.target.pod, ready, ports)


def _of_endpoints(resource: Resource) -> Iterator[Written]:
    for subset in Endpoints.of(resource).subsets:
        ports = _ports(subset.ports)
        for addresses, ready in ((subset.addresses, True), (subset.unready, False)):
            for part in addresses:
                yield Written(resource, part.path, (part.ip,), part.target.pod, ready, ports)


def _ports(ports: Iterable[EndpointPort]) -> dict[str, int]:
    return {port.name: port.number for port in ports if port.number and port.protocol == "TCP"}


def by_kube_proxy(
    side: ClientSide,
    service: Resource,
    ready: tuple[Endpoint, ...],
    message: Message,
    near: topology.Near | None = None,
) -> Answers:
    """Returns what the pods answer of which kube-proxy picks one for each connection; no route counts.

    `near` are those that it keeps a client in the cluster to, if not to all.
    """
    if not ready:
        refused = step(service, "spec.selector", Action.FAILED, "has no pods: refused")
        return certain(Outcome(failure=Failure.REFUSED), refused)
    near = near or topology.Near(ready)
    ready = near.endpoints
    if not ready:
        return certain(Outcome(failure=Failure.TIMEOUT), *near.trace)
    if len(ready) > 1:
        text = "{} pods, one by connection: which gets which share isn't specified"
        why = step(service, "spec.selector", Action.LEFT_OPEN, text, len(ready))
    else:
        why = step(service, "spec.selector", Action.MATCHED, "its only pod")
    groups = alike(side.state, ((1, endpoint, endpoint) for endpoint in ready))
    picked = shares((count, endpoint, (*near.trace, why)) for count, endpoint in groups)
    affinity = _affinity(Service.kept(service))

    def dial(endpoint: Endpoint) -> Answers:
        answers = side.dial(endpoint.pod, endpoint.port, message)
        if endpoint.pod.gateway is not None:  # which says itself who gets what
            return answers
        return mapped(answers, lambda outcome: outcome.of_series(affinity, fqdn(service), near.setting))

    return then(picked, dial)


def _affinity(service: Service) -> tuple[Affinity, ...]:
    """What keeps a client's requests on a pod [Kubernetes: session affinity]."""
    if service.session_affinity == "ClientIP":
        return (Affinity(Key.SOURCE, seconds=service.session.client_ip.seconds),)
    return BY_CONNECTION


def enter_by_kube_proxy(state: State, request: Request, message: Message, deliver: Deliver) -> Answers:
    """Returns what a message gets that comes in through a Service: refused without the port.

    Raises NotModelledError where there is no such Service.
    """
    assert request.through is not None
    service = state.get("", "Service", request.through.namespace, request.through.name)
    if service is None:
        names = (f"{each.namespace}/{each.name}" for each in state.all("", "Service"))
        raise NotModelledError(
            f"there is no Service {request.through}", todo=did_you_mean(str(request.through), names)
        )
    port = service_port(service, request.port)
    if port is None:
        text = "has no port {}: there is no way in"
        no_port = step(service, "spec.ports", Action.FAILED, text, request.port)
        return certain(Outcome(failure=Failure.REFUSED), no_port)
    client = Pod.at(HOST.name)
    if request.address is not None:
        client = with_fields(client, ip=request.address)
    side = ClientSide(state, client, deliver)
    return by_kube_proxy(side, service, endpoints(state, port), message)
