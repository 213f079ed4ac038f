"""What can be called: ports of Services, gateways from outside, and hosts beyond the cluster; and how."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product, starmap
from typing import TYPE_CHECKING

from harness.analysis.explore import pods
from harness.analysis.explore.target import OUTSIDE, Target, authority
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.networks import borders, is_network
from harness.base.vocabulary import KUBERNETES, Workload
from harness.model.istio.registry import service as registry
from harness.model.istio.registry import service_entry
from harness.model.istio.routing import virtual_service
from harness.model.network.addresses import leads_out
from harness.model.network.dns import resolve
from harness.model.network.services import addresses, fqdn, names, service_ports
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from harness.base.resources import Resource
    from harness.model import State

_SCHEMES = {
    "grpc": ("grpc",),
    "http2": ("grpc", "http"),
    "tls": ("https",),
    "tcp": ("tcp",),
    "": ("http",),
}
"""What clients of a port speak, by what it says; HTTP, if nothing else stands here."""

_USUAL: tuple[tuple[int, str], ...] = ((80, "http"), (443, "https"))
"""Ports that hosts beyond the cluster have, and what is spoken there."""

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_FOREIGN = 8
"""Hosts of others that are asked for at each Service's address, at most."""


def targets(before: State, after: State) -> Iterator[Target]:
    """Yields what both configurations have."""
    foreign = sorted(_foreign(before) | _foreign(after))
    led = {name: [leads_out(state, name, "default") for state in (before, after)] for name in foreign}
    dialled = [name for name in foreign if any(led[name])]
    undialled = [name for name in foreign if not all(led[name])]
    known = _patterns(before) | _patterns(after)
    every = {each.key: each for state in (after, before) for each in state.all("", "Service")}
    services = list(every.values())
    own = {service.namespace for service in services}.intersection(KUBERNETES)
    unnamed = own.difference(*(_named_namespaces(state, own) for state in (before, after)))
    others = grouped((port.number, service) for service in services for port in service_ports(service))
    ordinary = []
    for service in services:
        gateway = _is_gateway(before, service) or _is_gateway(after, service)
        if gateway:
            yield from _gateway(service)
        elif service.namespace not in unnamed:
            ordinary.append(service)
        sides = list(filter(None, (state.get(*service.key) for state in (before, after))))
        # A mesh that goes takes its gateways along: what came in from outside tells that.
        stays = len(sides) > 1 or before.meshes == after.meshes
        if service.namespace not in unnamed and (stays or not gateway):
            named = list(pods.names(before, after, service, known))
            spoken = [*_spoken(sides), *pods.ports(before, after, service)]
            for number, scheme in spoken or _USUAL:  # a name may lead somewhere without a port
                other = next((each for each in others.get(number, ()) if each.key != service.key), None)
                called = _service(service, number, scheme, other, dialled[:_FOREIGN])
                yield replace(called, unlisted=not spoken)
                yield from (_pod(service, pod, number, scheme) for pod in named)
    yield from starmap(_address, pods.unserved(before, after))
    # Whoever else is called at a port meets the listener that a proxy has for those who have it.
    ways = [*_entry_ports(before, after, OUTSIDE), *product(others, ("http", "tcp"))]
    for number, scheme in dict.fromkeys(ways):
        having = {each.key for each in others.get(number, ())}
        without = next((each for each in ordinary if each.key not in having), None)
        if without is not None:
            yield replace(_service(without, number, scheme, None, dialled[:_FOREIGN]), unlisted=True)
    for name in (*dialled, OUTSIDE):
        spoken = ways if name == OUTSIDE else list(_entry_ports(before, after, name))
        for number, scheme in dict.fromkeys([*_USUAL, *spoken]):
            # A proxy goes by the Host, whatever is dialled: names that lead nowhere are asked for here.
            strange = tuple(authority(each, number) for each in dialled if name == OUTSIDE)
            alone = tuple(authority(each, number) for each in undialled if name == OUTSIDE)
            hosts = (authority(name, number), *strange, *alone)
            yield Target(f"{name}:{number}", name, number, scheme, hosts=hosts, others=strange, names=(name,))
    for address, number, scheme in sorted(_addresses(before) | _addresses(after)):
        host = f"[{address}]" if ":" in address else address
        names = tuple(authority(each, number) for each in (host, *dialled[:_FOREIGN]))
        label = f"{host}:{number}"
        yield Target(label, host, number, scheme, hosts=names, others=names[1:], names=(address,))


def _addresses(state: State) -> set[tuple[str, int, str]]:
    """An address in each of the networks that ServiceEntries name, with their ports."""
    return {
        (borders(service.address)[0], port.number, scheme)
        for service in registry.every(state)
        if is_network(service.address)
        for port in service.ports
        for scheme in _SCHEMES.get(port.protocol, ("http",))
    }


def _spoken(sides: Sequence[Resource]) -> Iterator[tuple[int, str]]:
    """The ports of a Service, each with the ways of speaking that are tried.

    Beside what either side says of a port that is HTTP, bytes and TLS: Linkerd's proxies don't go by a name.
    """
    ports = grouped((port.number, port) for service in sides for port in service_ports(service))
    for number, named in ports.items():
        own = [scheme for port in named for scheme in _SCHEMES.get(port.protocol, ("http",))]
        yield from ((number, scheme) for scheme in dict.fromkeys((*own, "http", "tcp", "https")))


def _service(
    service: Resource, port: int, scheme: str, other: Resource | None, foreign: Sequence[str]
) -> Target:
    full, svc, short, *alone = names(service, service.namespace)
    hosts, others = [short, full, svc, *alone], [OUTSIDE, *foreign]
    if other is not None:
        others.append(f"{other.name}.{other.namespace}")
    label = f"{service}:{port}" + ("" if scheme == "http" else f" ({scheme})")
    own, elsewhere = (tuple(authority(host, port) for host in listed) for listed in (hosts, others))
    tls = (short, full, svc, *alone)
    return Target(label, short, port, scheme, service, None, (*own, *elsewhere), elsewhere, tls)


def _pod(service: Resource, name: str, port: int, scheme: str) -> Target:
    label = f"{service}:{port} ({name.partition('.')[0]}{'' if scheme == 'http' else f', {scheme}'})"
    every = (name, f"{name}.svc", f"{name}{pods.DOMAIN}")
    hosts = tuple(authority(host, port) for host in every)
    others = (authority(OUTSIDE, port),)
    return Target(label, name, port, scheme, service, None, (*hosts, *others), others, every, pod=True)


def _address(workload: Workload, dialled: str, port: int, scheme: str, named: bool) -> Target:
    label = f"{workload}:{port} (a pod's address{'' if scheme == 'http' else f', {scheme}'})"
    hosts = tuple(authority(host, port) for host in (dialled, OUTSIDE))
    names = (dialled,)
    return Target(
        label, dialled, port, scheme, hosts=hosts, others=hosts[1:], names=names, pod=True, unnamed=not named
    )


def _gateway(service: Resource) -> Iterator[Target]:
    through = Workload(service.namespace, service.name)
    for port in service_ports(service):
        for scheme in ("http", "https"):
            label = f"{service}:{port.number} ({scheme} from outside)"
            yield Target(label, OUTSIDE, port.number, scheme, service, through)


def _is_gateway(state: State, service: Resource) -> bool:
    return any(pod.gateway for pod in addresses(state, service))


def _foreign(state: State) -> set[str]:
    """Hosts that the mesh knows, and that are no Service's."""
    own = {fqdn(service) for service in state.all("", "Service")}
    names = {host.replace("*", "harness") for host in _patterns(state) - own if host != "*"}
    return {name for name in names if _HOST.fullmatch(name) and resolve(state, name, "default") is None}


def _patterns(state: State) -> set[str]:
    """Hosts that rules and the registry name."""
    tables = virtual_service.by_host(state), service_entry.by_host(state)
    return {pattern for table in tables for pattern in table.patterns}


def _named_namespaces(state: State, namespaces: Collection[str]) -> set[str]:
    """Those of these namespaces that an object names which says how traffic goes, or is in."""
    if not namespaces:  # as in most estates
        return set()
    objects = (stored.live for stored in state.objects.values())
    texts = [json.dumps(each.data, default=str) for each in objects if each.group in _OF_TRAFFIC]
    return {name for name in namespaces if any(name in text for text in texts)}


_OF_TRAFFIC = {*MESH_OF_GROUP, GATEWAY_API, "networking.k8s.io"}


def _entry_ports(before: State, after: State, host: str) -> Iterator[tuple[int, str]]:
    """The ports that ServiceEntries name for a host; for one that nobody knows all of theirs.

    A proxy that listens on a port for an entry's host has its own answer to other hosts there.
    """
    tables = [service_entry.by_host(state) for state in (before, after)]
    entries = {
        entry
        for table in tables
        for pattern in (table.patterns if host == OUTSIDE else (host,))
        for entry in table.covering(pattern)
    }
    pairs = {
        (entry.number, scheme) for entry in entries for scheme in _SCHEMES.get(entry.protocol, ("http",))
    }
    yield from sorted(pairs - set(_USUAL))
