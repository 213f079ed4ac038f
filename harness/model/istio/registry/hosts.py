"""The hosts that a client's proxy knows: Services and ServiceEntries that are exported and imported to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from harness.api.istio.hosts import specificity, visibility
from harness.api.istio.registry import GROUP
from harness.api.kubernetes.metadata import annotations_of
from harness.base import explored
from harness.base.errors import not_modelled
from harness.model.istio import mesh_config, revision
from harness.model.istio.registry import service_entry, sidecar_scope
from harness.model.istio.registry.service_entry import EntryPort
from harness.model.network.dns import resolve
from harness.model.network.services import ServicePort, fqdn, service_port, service_ports
from harness.model.state.tables import grouped, per_key, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.istio.registry.sidecar_scope import Scope
    from harness.model.network.services import Endpoint
    from harness.model.state import Pod, State

EXPORT_TO = "networking.istio.io/exportTo"
"""The annotation of a Service that says which namespaces' proxies know it."""

Port = ServicePort | EntryPort


@dataclass(frozen=True)
class Heard:
    """What a proxy knows about a connection to a port: whether it looks for HTTP there, and for which host.

    `port` is that of the host (None: the proxy knows no such host; without HTTP: none that takes any bytes),
    `named` whether the request's own host picks it.
    """

    number: int
    listens: bool
    port: Port | None = None
    named: bool = True
    trace: tuple[Step, ...] = ()


def known(state: State, client: Pod, host: str, number: int) -> tuple[Port | None, list[Step]]:
    """Returns the port of a host, as dialled by a client, that its proxy knows; and what it isn't told of.

    A Service comes before a ServiceEntry of the same name; of ServiceEntries the most specific host, there
    one of the client's namespace, then the oldest.
    """
    lost: list[Step] = []
    service = resolve(state, host, client.namespace)
    port = service_port(service, number) if service else None
    if port is not None:
        why = hidden(state, client, port)
        if why is None:
            return port, lost
        lost.append(why)
    lost += service_entry.passed_over(state, host.lower())
    covering = service_entry.by_host(state).covering(host.lower())
    whys = [(entry, hidden(state, client, entry)) for entry in covering if entry.number == number]
    lost += [why for _, why in whys if why is not None]
    return _preferred([entry for entry, why in whys if why is None], client.namespace), lost


def hidden(state: State, client: Pod, port: Port) -> Step | None:
    """Returns why a client's proxy isn't told of a port, None if it is."""
    return _hidden(state, client.namespace, sidecar_scope.of(state, client), port)


def _hidden(state: State, namespace: str, scope: Scope, port: Port) -> Step | None:
    own = port.origin.namespace
    unseen = _unexported(state, namespace, port)
    if unseen is not None or scope.has_service(own, port.host):
        return unseen
    return scope.hidden(port.origin, "{}/{}", own, port.host)


def is_exported(origin: Resource, namespace: str, default: tuple[str, ...]) -> bool:
    """Returns whether a namespace's proxies may know a Service or a ServiceEntry; `default` is MeshConfig's.

    A Service says so by an annotation.
    """
    if origin.kind == "Service":
        names = annotations_of(origin).get(EXPORT_TO, "").split(",")
        default = tuple(name.strip() for name in names if name.strip()) or default
    return visibility(origin, namespace, default) is not None


def destination(state: State, client: Pod, host: str) -> tuple[Resource | None, tuple[Port, ...], list[Step]]:
    """Returns the object of a rule's destination with its ports, imported or not, and what isn't exported."""
    service = resolve(state, host, client.namespace)
    lost: list[Step] = []
    if service is not None and fqdn(service) == host:
        ports: tuple[Port, ...] = service_ports(service)
        unseen = _unexported(state, client.namespace, ports[0]) if ports else None
        if unseen is None or service.namespace == client.namespace:
            return service, ports, lost
        lost.append(unseen)
    entries = [entry for entry in service_entry.by_host(state).covering(host) if entry.host == host]
    seen = [entry for entry in entries if _unexported(state, client.namespace, entry) is None]
    best = _preferred(seen, client.namespace)
    if best is None:
        return None, (), lost
    namespace = best.origin.namespace
    return best.origin, tuple(entry for entry in seen if entry.origin.namespace == namespace), lost


def heard(state: State, client: Pod, dialled: ServicePort | Endpoint, host: str) -> Heard:
    """Returns what a client's proxy makes of a connection to a Service's port or to a single endpoint.

    On a port that says it is HTTP the host that the request names picks the virtual host among all hosts
    with that port, wherever it was dialled; on one that says nothing the dialled Service is meant.
    """
    number = dialled.number if isinstance(dialled, ServicePort) else dialled.port
    lost: list[Step] = []
    if isinstance(dialled, ServicePort) and not dialled.protocol:
        why = hidden(state, client, dialled)
        if why is None:
            return Heard(number, listens=True, port=dialled, named=False)
        lost.append(why)
    port, unseen = known(state, client, host, number)
    lost += [why for why in unseen if why not in lost]
    if listens_for_http(state, client, number):
        named = port if port is not None and port.protocol not in ("tcp", "tls") else None
        return Heard(number, listens=True, port=named, trace=tuple(lost))
    if isinstance(port, EntryPort) and not port.protocol:  # no address of its own: it takes any
        return Heard(number, listens=True, port=port, named=False, trace=tuple(lost))
    bytes_only = port if isinstance(port, EntryPort) and port.protocol == "tcp" else None
    return Heard(number, listens=False, port=bytes_only, trace=tuple(lost))


def listens_for_http(state: State, client: Pod, number: int) -> bool:
    """Returns whether a client's proxy takes a port, of any address, for HTTP: one host says that it is."""
    return explored.of(_listens, state, client.namespace, sidecar_scope.of(state, client), number)


@per_key(lambda namespace, scope, number: (namespace, scope.origin, number))
def _listens(state: State, namespace: str, scope: Scope, number: int) -> bool:
    ports = _http_ports(state).get(number, ())
    return any(_hidden(state, namespace, scope, port) is None for port in ports)


def serves(state: State, client: Pod, hosts: tuple[str, ...], number: int) -> bool:
    """Returns whether a proxy takes a VirtualService's hosts in on a port, known or not.

    On port 80 it always does, elsewhere where it knows one of them
    [istio/istio: BuildSidecarOutboundVirtualHosts].
    """
    return number == 80 or any(known(state, client, host, number)[0] for host in hosts)


@per_state
def _http_ports(state: State) -> dict[int, list[Port]]:
    services, entries = state.all("", "Service"), revision.acting(state, GROUP, "ServiceEntry")
    of_services = (port for service in services for port in service_ports(service))
    of_entries = (port for entry in entries for port in service_entry.ports(entry))
    every: Iterator[Port] = chain(of_services, of_entries)
    return grouped((port.number, port) for port in every if port.http)


def _preferred(entries: list[EntryPort], namespace: str) -> EntryPort | None:
    if not entries:
        return None

    def place(entry: EntryPort) -> tuple[str, int, str]:
        return entry.host, entry.number, entry.origin.namespace

    best = max(entries, key=lambda entry: (specificity(entry.host), entry.origin.namespace == namespace))
    twin = next((entry for entry in entries if entry != best and place(entry) == place(best)), None)
    if twin is not None:
        why = f"{best.origin} has the same host and port, and Istio joins what both say"
        raise not_modelled(twin.origin, "spec.hosts", why)
    return best


def _unexported(state: State, namespace: str, port: Port) -> Step | None:
    if is_exported(port.origin, namespace, mesh_config.of(state).service_export_to):
        return None
    field = f"annotation {EXPORT_TO}" if isinstance(port, ServicePort) else "spec.exportTo"
    return step(port.origin, field, Action.HIDDEN, "isn't exported to namespace {}", namespace)
