"""The outbound listeners of a client's proxy: who takes a connection, by the address and port that it is for.

As istiod builds them [istio/istio: pilot/pkg/networking/core/listener.go]. HTTP's ports share a listener for
all addresses, in which the Host header counts. Ports that say TCP or TLS, or nothing, have one for the
service's own address; without an address they, too, take all addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.istio.hosts import specificity
from harness.api.kubernetes.service import Service
from harness.base import explored
from harness.base.errors import not_modelled
from harness.base.networks import is_address, is_network, lies_in
from harness.model.istio import mesh_config
from harness.model.istio.registry import hosts, service_entry, sidecar_scope
from harness.model.istio.registry import service as registry
from harness.model.network import addresses
from harness.model.network.addresses import SERVICE_NETWORK
from harness.model.network.services import HTTP
from harness.model.network.services import addresses as pods_of
from harness.model.state.tables import per_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.istio.registry.service import Port, RegistryService
    from harness.model.istio.registry.sidecar_scope import Egress, Scope
    from harness.model.message import Endpoint
    from harness.model.state import Pod, State

_EVERY_ADDRESS = "0.0.0.0"
LOOPBACK = "127.0.0.1"

_ALLOCATED = "240.240.0.0/16"
"""Where the addresses are from that Istio allocates."""


@dataclass(frozen=True)
class Place:
    """Where a client's connection goes: the address of a Service, or an endpoint's; and a port.

    `address` is what listeners know it by: a network, where a name leads to some address in that.
    """

    address: str
    number: int
    service: Resource | None = None
    pod: Pod | None = None

    @classmethod
    def of_service(cls, service: Resource, number: int) -> Place:
        """Returns the address of a Service that isn't headless."""
        return cls(registry.service_address(service), number, service)

    @classmethod
    def of_endpoint(cls, state: State, client: Pod, endpoint: Endpoint) -> Place:
        """Returns the address of an endpoint.

        A name outside of the cluster is taken to lead to the first address of a ServiceEntry for it that the
        client's proxy knows, if one has any.
        """
        pod, number = endpoint.pod, endpoint.port
        if not pod.outside or is_address(pod.ip):
            return cls(_address(pod), number, pod=pod)
        entry = next(_entries(state, client, pod.ip), None)
        return cls(entry.address if entry else pod.ip, number, pod=pod)

    def lies_in(self, network: str, origin: Resource, where: str) -> bool:
        """Returns whether it is in a network that a field of this object names.

        Raises NotModelledError where nobody knows.
        """
        if is_network(self.address):
            mine, other = ip_network(self.address, strict=False), ip_network(network, strict=False)
            return mine.version == other.version and _covers(network, self.address)
        if self.address.startswith(registry.ALLOCATED):
            return _covers(network, _ALLOCATED)
        if self.pod is not None:
            return addresses.contains(origin, where, ip_network(network, strict=False), self.pod)
        written = Service.of(self.service).addresses if self.service is not None else ()
        if written:
            return any(lies_in(address, network) for address in written)
        block = ip_network(network, strict=False)
        if block.version != SERVICE_NETWORK.version or not block.overlaps(SERVICE_NETWORK):
            return False
        if block.prefixlen == 0:
            return True
        why = f"the address of {self.service} isn't known: its spec.clusterIP tells"
        raise not_modelled(origin, where, why)


def _covers(network: str, inner: str) -> bool:
    block, other = ip_network(network, strict=False), ip_network(inner, strict=False)
    return block.prefixlen <= other.prefixlen and lies_in(str(other.network_address), network)


def _address(pod: Pod) -> str:
    return pod.ip or f"pod {pod.namespace}/{pod.name}"


def _entries(state: State, client: Pod, host: str) -> Iterator[RegistryService]:
    covering = registry.by_pattern(state).covering(host.lower())
    for entry in sorted(covering, key=lambda entry: specificity(entry.host), reverse=True):
        known = hosts.host_known(state, client, entry.host)
        if known is not None and not known.in_kubernetes and known.address:
            yield known


def answers(state: State, client: Pod, host: str) -> bool:
    """Returns whether a client's proxy knows where a name or an address leads, by a ServiceEntry for it.

    Of names only where it answers DNS.
    """
    if not is_address(host):
        entries = _entries(state, client, host) if mesh_config.captures_dns(state) else ()
        return any("/" not in entry.address for entry in entries)
    services = registry.by_address(state).get(host, ())
    return any(hosts.hidden(state, client, service) is None for service in services)


@dataclass(frozen=True)
class Claim:
    """What a service takes of a listener's connections as bytes.

    `protocol` is what the port speaks (`tls`, `tcp`, or empty: that is detected). With `networks` only what
    goes there; `named`: of TLS only what asks for the service's name.
    """

    service: RegistryService
    port: Port
    protocol: str
    networks: tuple[str, ...] = ()
    named: bool = False


@dataclass(frozen=True)
class Listener:
    """Who takes connections; `http`: requests are told by their Host, or (`own`) are all one service's.

    `strict`: it is for HTTP at one address, and closes all else.
    """

    claims: tuple[Claim, ...] = ()
    http: bool = False
    own: Claim | None = None
    strict: bool = False


@dataclass
class _Draft:
    """A listener that is being built; `mixed`: HTTP and other bytes are told apart."""

    claims: list[Claim] = field(default_factory=list)
    mixed: bool = False
    http: bool = False
    own: Claim | None = None

    def add_http(self) -> None:
        self.mixed = self.http = True

    def add(self, claim: Claim, *, everywhere: bool) -> None:
        """Adds what a service takes; where HTTP is told apart already its requests aren't."""
        self.claims.append(claim)
        if not claim.protocol and not self.mixed:
            self.mixed = self.http = True
            self.own = None if everywhere else claim


def find(state: State, client: Pod, place: Place) -> Listener | None:
    """Returns the listener of a client's proxy for a connection: of its address, or else of its port."""
    scope = sidecar_scope.of(state, client)
    address = "" if place.pod is client else place.address
    return explored.of(_find, state, client.namespace, scope, place.number, address)


def has_own(state: State, client: Pod, number: int) -> bool:
    """Returns whether a client's proxy itself listens on its pod's loopback (a Sidecar without capture)."""
    scope = sidecar_scope.of(state, client)
    if not any(egress.bind == LOOPBACK for egress in scope.egress):
        return False
    view = explored.of(registry.view, state, client.namespace)
    return LOOPBACK in _listeners(state, view, scope.egress, number)


def _find(state: State, namespace: str, scope: Scope, number: int, address: str) -> Listener | None:
    table = _listeners(state, registry.view(state, namespace), scope.egress, number)
    return table.get(address) or table.get(_EVERY_ADDRESS)


@per_key(lambda namespace, imports, number: (namespace, imports, number))
def _listeners(state: State, namespace: str, imports: tuple[Egress, ...], number: int) -> dict[str, Listener]:
    drafts: dict[str, _Draft] = {}
    for egress in imports:
        if egress.port not in (0, number):
            continue
        locked = () if egress.port else tuple(drafts)  # whose hosts the Sidecar names for the port itself
        for service, port in hosts.on_port(state, namespace, egress, number):
            protocol = egress.protocol if egress.port else port.protocol
            for address, networks in _binds(state, service, protocol, egress):
                if address in locked or service.target:
                    continue
                draft = drafts.setdefault(address, _Draft())
                if protocol in HTTP:
                    draft.add_http()
                    continue
                everywhere = address == _EVERY_ADDRESS
                draft.add(Claim(service, port, protocol, networks, named=everywhere), everywhere=everywhere)
    return {
        address: Listener(
            tuple(draft.claims),
            draft.http,
            draft.own,
            strict=draft.http and not draft.claims and address != _EVERY_ADDRESS,
        )
        for address, draft in drafts.items()
    }


def _binds(
    state: State, service: RegistryService, protocol: str, egress: Egress
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The addresses of a service's listeners, and the networks to which its connections must go."""
    if egress.bind:
        yield egress.bind, ()
    elif protocol in HTTP:
        yield _EVERY_ADDRESS, ()
    elif "/" in service.address:
        yield _EVERY_ADDRESS, (service.address,)
    elif service.address:
        yield service.address, ()
    elif not service.passthrough or egress.port:
        yield _EVERY_ADDRESS, ()
    elif service.in_kubernetes:
        yield from ((_address(pod), ()) for pod in pods_of(state, service.origin))
    else:
        places = service_entry.places(state, service.origin)
        if places is None:
            yield _EVERY_ADDRESS, ()
        else:
            yield from ((place, ()) for place in places)
