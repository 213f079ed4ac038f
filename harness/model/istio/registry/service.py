"""The services of Istio's registry, as istiod makes them: of Services, and of ServiceEntries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from harness.api.istio.hosts import exported_to, visibility
from harness.api.istio.registry import GROUP, ServiceEntry
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.service import Service
from harness.base.networks import is_address
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.istio import mesh_config, revision
from harness.model.istio.registry import service_entry
from harness.model.istio.registry.service_entry import EntryPort
from harness.model.network.services import ServicePort, fqdn, service_ports
from harness.model.state.tables import HostTable, grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.state import State

Port = ServicePort | EntryPort

EXPORT_TO = "networking.istio.io/exportTo"
"""The annotation of a Service that says which namespaces' proxies know it."""

ALLOCATED = "address of "
"""How an address begins that Istio allocates to a ServiceEntry's host: nobody needs to know it."""

_ALLOCATES = "networking.istio.io/enable-autoallocate-ip"
"""The label of a ServiceEntry that says whether it gets an address."""

_ELSEWHERE = "-"
"""Stands for namespaces of which no object says anything: none can be called so."""

_MAX_ALIASES = 8
"""A longer chain of ExternalNames leads nowhere."""


@dataclass(frozen=True)
class RegistryService:
    """A host with one address: a Service, or a host of a ServiceEntry at one of its `addresses`.

    `address` is an IP address, a network, or empty where there is none: of a headless Service, and of a
    ServiceEntry without `addresses`. That of a Service is `service_address`: whether or not a manifest tells
    it, it is the Service's alone. `passthrough` services are reached where the client dials. An alias is an
    ExternalName: `target` is what it stands for; `aliases` are the names that stand for this one.
    """

    origin: Resource
    host: str
    address: str
    ports: tuple[Port, ...]
    passthrough: bool = False
    target: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        """The namespace of the object that it is from."""
        return self.origin.namespace

    @property
    def in_kubernetes(self) -> bool:
        """Whether it is a Service of Kubernetes."""
        return self.origin.kind == "Service"

    def port(self, number: int) -> Port | None:
        """Returns its port with this number, if it has one."""
        return next((port for port in self.ports if port.number == number), None)


def service_address(service: Resource) -> str:
    """Returns what stands for the address of a Service: nobody needs to know it."""
    return f"Service {service.name}.{service.namespace}"


@per_state
def every(state: State) -> tuple[RegistryService, ...]:
    """Returns all of them, older first; of one age by name, then by namespace.

    [istio/istio: model.SortServicesByCreationTime, serviceentry.convertServices]
    """
    aliases = _aliases(state)
    ages = {id(stored.live): stored.age[:3] for stored in state.stored("", "Service")}
    ages |= {id(stored.live): stored.age[:3] for stored in state.stored(GROUP, "ServiceEntry")}
    made = [_of_service(service, aliases) for service in state.all("", "Service")]
    for entry in revision.acting(state, GROUP, "ServiceEntry"):
        made += _of_entry(state, entry)

    def order(service: RegistryService) -> tuple[tuple[bool, str, int], str, str]:
        name = service.origin.name if service.in_kubernetes else service.host
        return ages[id(service.origin)], name, service.namespace

    return tuple(sorted(made, key=order))


def _of_service(service: Resource, aliases: dict[str, list[str]]) -> RegistryService:
    written, host = Service.of(service), fqdn(service)
    address = "" if written.headless else service_address(service)
    target = written.alias if written.is_alias else ""
    names = tuple(aliases.get(host, ()))
    return RegistryService(service, host, address, service_ports(service), written.headless, target, names)


def _of_entry(state: State, entry: Resource) -> Iterator[RegistryService]:
    spec, ports = ServiceEntry.kept(entry), service_entry.ports(entry)
    known = _cluster_addresses(state)
    addresses = [_single(address) for address in spec.addresses] or [""]
    allocates = not spec.addresses and _allocates(state, spec)
    for host, address in product(dict.fromkeys(host.lower() for host in spec.hosts), addresses):
        address = f"{ALLOCATED}{host}.{entry.namespace}" if allocates else address
        own = tuple(port for port in ports if port.host == host)
        unresolved = spec.resolution == "NONE"
        yield RegistryService(entry, host, known.get(address, address), own, unresolved)


def _allocates(state: State, spec: ServiceEntry) -> bool:
    """Whether an entry gets an address that proxies use who answer DNS [ShouldV2AutoAllocateIP]."""
    asked = labels_of(spec.resource).get(_ALLOCATES, "")
    return mesh_config.captures_dns(state) and spec.resolution != "NONE" and asked.lower() != "false"


def _single(address: str) -> str:
    """An address as it is written, without the prefix length of a network that holds no other."""
    stem, slash, length = address.partition("/")
    return stem if slash and length == ("128" if ":" in stem else "32") else address


@per_state
def _cluster_addresses(state: State) -> dict[str, str]:
    services = state.all("", "Service")
    return {ip: service_address(each) for each in services for ip in Service.of(each).addresses}


def _aliases(state: State) -> dict[str, list[str]]:
    """The ExternalNames that lead to a host, over others or not [istio/istio: resolveServiceAliases]."""
    targets = {
        fqdn(service): written.alias
        for service in state.all("", "Service")
        if (written := Service.of(service)).is_alias
    }

    def end(host: str) -> str:
        for _ in range(_MAX_ALIASES):
            if host not in targets:
                return host
            host = targets[host]
        return ""

    return grouped((end(target), alias) for alias, target in targets.items())


@per_state
def by_host(state: State) -> dict[str, list[RegistryService]]:
    """Returns all of them by their hosts, in their order."""
    return grouped((service.host, service) for service in every(state))


@per_state
def by_number(state: State) -> dict[int, list[tuple[RegistryService, Port]]]:
    """Returns all of them, each with its port, by the ports' numbers, in their order."""
    return grouped((port.number, (service, port)) for service in every(state) for port in service.ports)


@per_state
def by_pattern(state: State) -> HostTable[RegistryService]:
    """Returns all of them by their hosts, of which some are wildcards."""
    return HostTable((service.host, service) for service in every(state))


@per_state
def by_address(state: State) -> dict[str, list[RegistryService]]:
    """Returns those of ServiceEntries with addresses (no networks) by these."""
    entries = (service for service in every(state) if is_address(service.address))
    return grouped((service.address, service) for service in entries)


def domains(service: RegistryService) -> Iterator[tuple[str, str]]:
    """Yields the Host headers that mean a service, each with whose clients' (empty: everybody's).

    `*.` covers what is below [istio/istio: generateVirtualHostDomains].
    """
    for host in (service.host, *service.aliases):
        for name, namespace in ((host, ""), (f"{host}.", ""), *short_names(host)):
            yield name, namespace
            if service.in_kubernetes and service.passthrough:
                yield f"*.{name}", namespace
    if service.in_kubernetes:
        yield from ((address, "") for address in Service.of(service.origin).addresses)
    elif is_address(service.address):
        yield (f"[{service.address}]" if ":" in service.address else service.address), ""


def short_names(host: str) -> tuple[tuple[str, str], ...]:
    """Returns the shorter names of a Service's host, each with whose clients' (empty: everybody's).

    [istio/istio: GenerateAltVirtualHosts]
    """
    stem = host.removesuffix(f".{CLUSTER_DOMAIN}")
    if stem == host or not stem.endswith(".svc"):
        return ()
    name, _, namespace = stem.removesuffix(".svc").partition(".")
    return ((name, namespace), (stem, ""), (stem.removesuffix(".svc"), "")) if namespace else ()


def exported(state: State, origin: Resource, namespace: str) -> int | None:
    """Returns the class in which a namespace's proxies see a Service or ServiceEntry; None: not at all.

    0: it names the namespace in `exportTo`, or is of it; 1: it is for everybody
    [istio/istio: servicesExportedToNamespace].
    """
    seen = _visibility(origin, namespace, mesh_config.of(state).service_export_to)
    return None if seen is None else int(seen > 1)


def is_exported(origin: Resource, namespace: str, default: tuple[str, ...]) -> bool:
    """Returns whether a namespace's proxies may know a Service or ServiceEntry; `default` is MeshConfig's."""
    return _visibility(origin, namespace, default) is not None


def _visibility(origin: Resource, namespace: str, default: tuple[str, ...]) -> int | None:
    return visibility(origin, namespace, _default(origin, default))


def _default(origin: Resource, default: tuple[str, ...]) -> tuple[str, ...]:
    """To whom an object without `exportTo` is exported: a Service says it by an annotation."""
    if origin.kind != "Service":
        return default
    names = annotations_of(origin).get(EXPORT_TO, "").split(",")
    return tuple(name.strip() for name in names if name.strip()) or default


def view(state: State, namespace: str) -> str:
    """Returns a namespace, or what stands for all those whose proxies see the same services as others'."""
    return namespace if namespace in _particular(state) else _ELSEWHERE


@per_state
def _particular(state: State) -> frozenset[str]:
    """The namespaces of services that aren't for everybody, and those that are named; and of shared hosts."""
    default, own = mesh_config.of(state).service_export_to, set[str]()
    for service in every(state):
        exported = exported_to(service.origin) or _default(service.origin, default)
        if "*" not in exported:
            own.update((service.namespace, *exported))
    for services in by_host(state).values():
        namespaces = {service.namespace for service in services}
        own |= namespaces if len(namespaces) > 1 else set()
    return frozenset(own)
