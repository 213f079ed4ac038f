"""ServiceEntry and WorkloadEntry: hosts that Istio knows beside Kubernetes' Services, and where they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers, entry_protocol
from harness.api.istio.registry import GROUP, EntryEndpoint, ServiceEntry, WorkloadEntry
from harness.api.kubernetes.selector import selects
from harness.base.errors import not_modelled
from harness.base.networks import is_address
from harness.base.resources import per_object
from harness.model.istio import revision
from harness.model.message import Endpoint
from harness.model.network import dns
from harness.model.network.addresses import leads_out
from harness.model.network.services import HTTP, ServicePort, endpoints, service_port
from harness.model.state import Pod
from harness.model.state.tables import HostTable, LabelTable, grouped, per_pod, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model.state import State

TLS_MODE_LABEL = "security.istio.io/tlsMode"
"""The label that says of an endpoint outside of pods that a proxy of Istio's is there (`istio`)."""


@dataclass(frozen=True)
class EntryPort:
    """One port of one of a ServiceEntry's hosts.

    `protocol` is as a Service port's, `target_port` 0 where none is written.
    """

    origin: Resource
    host: str
    number: int
    target_port: int
    name: str
    protocol: str

    @property
    def target(self) -> int:
        """The port of endpoints that don't say their own."""
        return self.target_port or self.number

    @property
    def http(self) -> bool:
        """Whether the port says that it speaks HTTP."""
        return self.protocol in HTTP

    @property
    def spec(self) -> ServiceEntry:
        """All that the ServiceEntry says."""
        return ServiceEntry.kept(self.origin)


@dataclass(frozen=True)
class Target:
    """An endpoint that requests can go to, with Istio's labels of it; `meshed`: it may have Istio's proxy.

    `locality` is what its entry says, None for a pod that is there by itself; `zone` is the one by which a
    setting picked it, or that setting.
    """

    endpoint: Endpoint
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    weight: int = 1
    meshed: bool = False
    locality: str | None = None
    zone: str = ""


@per_object
def ports(entry: Resource) -> tuple[EntryPort, ...]:
    """Returns the ports of all hosts of a ServiceEntry."""
    spec = ServiceEntry.kept(entry)
    return tuple(
        EntryPort(
            entry,
            host.lower(),
            port.number,
            port.target_port or 0,
            port.name,
            entry_protocol(port.protocol),
        )
        for host in spec.hosts
        for port in spec.ports
    )


@per_state
def by_host(state: State) -> HostTable[EntryPort]:
    """Returns the ports of all ServiceEntries by their hosts, older first."""
    entries = revision.acting(state, GROUP, "ServiceEntry")
    return HostTable((port.host, port) for entry in entries for port in ports(entry))


@per_state
def _by_place(state: State) -> dict[tuple[str, int, str], list[EntryPort]]:
    """The same ports by host, number and namespace."""
    entries = revision.acting(state, GROUP, "ServiceEntry")
    every = (port for entry in entries for port in ports(entry))
    return grouped(((port.host, port.number, port.origin.namespace), port) for port in every)


def passed_over(state: State, number: int, *hosts: str) -> list[Step]:
    """Returns why entries don't count for hosts on a port that the control plane doesn't take in.

    Those that take bytes on this port of all addresses are meant by any host.
    """

    def concerned(entry: Resource) -> bool:
        open_to_all = not ServiceEntry.kept(entry).addresses
        return any(
            any(covers(port.host, host) for host in hosts)
            or (port.number == number and open_to_all and not port.http)
            for port in ports(entry)
        )

    return revision.passed_over(state, (GROUP, "ServiceEntry"), concerned)


def other_port(port: EntryPort) -> list[Step]:
    """Returns what names the port that a proxy dials instead of the client's, if it is another."""
    written = next(each for each in port.spec.ports if each.number == port.number)
    if port.target == port.number:
        return []
    text = "port {} is {} there"
    return [step(port.origin, written.at("targetPort"), Action.LED, text, port.number, port.target)]


def targets(state: State, port: EntryPort) -> tuple[Target, ...]:
    """Returns where the requests of a host go that its proxies find themselves: not with resolution NONE.

    Entries of one namespace for the same host share their endpoints: by the port's name, or where names are
    resolved by its number [istio/istio: EndpointShards, filterIstioEndpoint]. Raises NotModelledError for an
    address inside of the cluster that no object has, and for names among addresses.
    """
    places, internal = [*_targets(state, port)], port.spec.is_internal
    resolved = port.spec.resolution.startswith("DNS")
    for twin in beside(state, port):
        if not resolved and twin.name != port.name:
            continue
        others = [*_targets(state, twin)]
        if others and not resolved and twin.spec.resolution.startswith("DNS"):
            why = f"{port.origin} has the same host and port, whose endpoints are addresses"
            raise not_modelled(twin.origin, "spec.resolution", why)
        places += others
    return tuple(replace(place, meshed=place.meshed and internal) for place in places)


def beside(state: State, port: EntryPort | ServicePort) -> Iterator[EntryPort]:
    """Yields what other entries of the same namespace say of a host's port."""
    there = _by_place(state).get((port.host, port.number, port.origin.namespace), ())
    yield from (twin for twin in there if twin.origin is not port.origin)


def added(state: State, port: ServicePort) -> Iterator[Target]:
    """Yields the endpoints that entries of its namespace add to a Service's port of the same name."""
    for twin in beside(state, port):
        if twin.name == port.name:
            yield from _targets(state, twin)


def all_meshed(state: State, port: ServicePort) -> bool:
    """Returns whether all endpoints that entries of its namespace add to a headless Service are meshed."""
    return all(place.meshed for twin in beside(state, port) for place in _targets(state, twin))


def _targets(state: State, port: EntryPort) -> Iterator[Target]:
    spec = port.spec
    if spec.workload_selector is not None:
        for pod in _pods_by_labels(state).selected(port.origin.namespace, spec.selector):
            if pod.ready:
                yield Target(Endpoint(pod, port.target), pod.labels, meshed=True)
        for entry in selected_entries(state, port.origin.namespace, spec.selector):
            yield from listed(state, entry, port.target, port.name)
    elif spec.endpoints:
        for part in spec.endpoints:
            yield from listed(state, part, port.target, port.name)
    elif spec.resolution.startswith("DNS"):
        for place in _places(state, port.origin, port.origin.namespace, port.host, port.target):
            yield Target(place, locality="")


def places(state: State, entry: Resource) -> tuple[str, ...] | None:
    """Returns the addresses that an entry's clients dial, as far as it names them; None: it doesn't."""
    spec = ServiceEntry.kept(entry)
    if spec.workload_selector is not None:
        pods = _pods_by_labels(state).selected(entry.namespace, spec.selector)
        written = selected_entries(state, entry.namespace, spec.selector)
        own = (pod.ip or f"pod {pod.namespace}/{pod.name}" for pod in pods if pod.ready)
        return (*own, *(part.address for part in written if is_address(part.address)))
    if spec.endpoints:
        return tuple(part.address for part in spec.endpoints if is_address(part.address))
    return None


@per_pod
def selecting(state: State, pod: Pod) -> tuple[EntryPort, ...]:
    """Returns the ports of the entries of which a pod is an endpoint: by its labels, or by its address."""
    entries = revision.acting(state, GROUP, "ServiceEntry")
    return tuple(port for entry in entries if _has(ServiceEntry.kept(entry), pod) for port in ports(entry))


def _has(entry: ServiceEntry, pod: Pod) -> bool:
    if entry.workload_selector is not None:
        return entry.resource.namespace == pod.namespace and selects(entry.selector, pod.labels)
    return bool(pod.ip) and any(part.address == pod.ip for part in entry.endpoints)


def selected_entries(state: State, namespace: str, selector: Mapping[str, str]) -> list[WorkloadEntry]:
    """Returns the WorkloadEntries of a namespace that a selector (of a Service, too) takes in."""
    return _workload_entries_by_labels(state).selected(namespace, selector)


def unselected(state: State, namespace: str, selector: Mapping[str, str]) -> list[Step]:
    """Returns why WorkloadEntries of a selector don't count that the control plane doesn't take in."""

    def is_selected(entry: Resource) -> bool:
        return entry.namespace == namespace and selects(selector, WorkloadEntry.kept(entry).labels)

    return revision.passed_over(state, (GROUP, "WorkloadEntry"), is_selected) if selector else []


def listed(state: State, part: EntryEndpoint, number: int, name: str) -> Iterator[Target]:
    """Yields the places of a WorkloadEntry, or of an endpoint written like one, for a port."""
    origin, at = part.resource, part.ports.get(name) or number
    meshed = part.labels.get(TLS_MODE_LABEL) == "istio"
    for place in _places(state, origin, origin.namespace, part.address, at):
        yield Target(place, part.labels, part.weight or 1, meshed, part.locality)


def _places(state: State, origin: Resource, namespace: str, host: str, number: int) -> Iterator[Endpoint]:
    """What is at a host name or an address: pods, by themselves or behind a Service, or the outside."""
    answer = dns.lookup(state, host, namespace)
    if answer is None and leads_out(state, host, namespace):
        yield Endpoint(Pod.at(host), number)
    elif answer is None:
        if is_address(host):
            why = "no object tells what has this address in the cluster"
            raise not_modelled(origin, f"address {host}", why)
    elif answer.outside:
        yield Endpoint(Pod.at(answer.outside), number)
    elif answer.pods or answer.service is None:
        yield from (Endpoint(pod, number) for pod in answer.pods)
    else:
        port = service_port(answer.service, number)
        yield from endpoints(state, port) if port else ()


@per_state
def _pods_by_labels(state: State) -> LabelTable[Pod]:
    return LabelTable((pod.namespace, pod.labels, pod) for pod in state.pods)


@per_state
def _workload_entries_by_labels(state: State) -> LabelTable[WorkloadEntry]:
    entries = map(WorkloadEntry.kept, revision.acting(state, GROUP, "WorkloadEntry"))
    return LabelTable((entry.resource.namespace, entry.labels, entry) for entry in entries)
