"""What can be called: ports of Services, gateways from outside, and hosts beyond the cluster; and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.analysis.explore import pods
from harness.analysis.explore.attributes import AUTHORITY, KINDS, NAMES, NOT_IN_NAMES, SOMEWHERE
from harness.analysis.explore.kinds import Kind
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.explored import ADDRESS, AGAIN, AND, Several
from harness.base.matching import TextMatch
from harness.base.networks import borders, is_network
from harness.base.vocabulary import KUBERNETES, Workload
from harness.model.istio.registry import service as registry
from harness.model.istio.registry import service_entry
from harness.model.istio.routing import virtual_service
from harness.model.network.dns import resolve
from harness.model.network.services import addresses, fqdn, names, service_ports
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from harness.analysis.explore.exploration import RequestClass
    from harness.base.explored import Asked
    from harness.base.resources import Resource
    from harness.model import State

_BETWEEN = {"header": AND, "parameter": AGAIN}
"""What stands between the values of what is there several times."""

_ALONE = 2
"""Whether it is there, and one more."""

_SCHEMES = {
    "grpc": ("grpc",),
    "http2": ("grpc", "http"),
    "tls": ("https",),
    "tcp": ("tcp",),
    "": ("http",),
}
"""What clients of a port speak, by what it says; HTTP, if nothing else stands here."""

_PORT = re.compile(":[0-9]*(\\.\\*)?$")
"""The end of what a rule says of a host with a port."""

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_FOREIGN = 8
"""Hosts of others that are asked for at each Service's address, at most."""

OUTSIDE = "harness-elsewhere.com"
"""A host that no configuration knows."""


@dataclass(frozen=True)
class Target:
    """A place that is called: a host and a port, in a way of speaking; `service` is None beyond the cluster.

    `through` is the gateway's Service for what comes from outside, `pod` says that one of the Service's pods
    is called by its own name, or without a Service at its own address. `hosts` are the Host headers that are
    tried, () for any; `names` those that TLS asks for. Of `others` among the hosts one request is enough
    where they are `apart`: they lead to where all of their requests are tried. No attributes are varied but
    those of `only`, if there are any.
    """

    label: str
    host: str
    port: int
    scheme: str
    service: Resource | None = None
    through: Workload | None = None
    hosts: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    with_ports: bool = False
    repeated: frozenset[str] = frozenset()
    apart: bool = True
    pod: bool = False
    only: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody says that it is spoken there: what neither side decides then is no difference."""
        spoken = {port.number: port.protocol for port in service_ports(self.service)} if self.service else {}
        return self.scheme == "https" and not self.through and spoken.get(self.port) != "tls"

    @property
    def first(self) -> dict[str, object]:
        """The values of the request that is decided first."""
        grpc = self.scheme == "grpc"
        return {
            "method": "POST" if grpc else "GET",
            "path": "/harness.Probe/Call" if grpc else "/",
            "host": self.hosts[0] if self.hosts else OUTSIDE,
            "sni": self.names[0] if self.names else OUTSIDE,
            ADDRESS: SOMEWHERE,
            "status": 200,
            "gRPC status": 0,
            "seconds": 0.0,
        }

    def seen_from(self, namespace: str) -> Target:
        """Returns the target as a namespace's clients can name it: a Service of another has no short name."""
        if self.service is None or self.service.namespace == namespace:
            return self
        alone = (self.service.name, _authority(self.service.name, self.port))
        hosts, tls = (
            tuple(name for name in given if name not in alone) for given in (self.hosts, self.names)
        )
        return replace(self, hosts=hosts, names=tls)

    def asks_for_ports(self, questions: Iterable[Iterable[Asked]]) -> bool:
        """Returns whether rules name ports in Host headers that aren't tried with one yet."""
        if self.hosts or self.with_ports or not self._may_have_ports:
            return False
        tests = (each.test for asked in questions for each in asked if each.attribute == "host")
        return any(isinstance(test, TextMatch) and _PORT.search(test.value) for test in tests)

    def asked_apart(self, classes: Iterable[RequestClass]) -> frozenset[str]:
        """Returns the headers and parameters of which a rule sees each value, and more than one is asked for.

        One question alone is answered as for a request that has them once.
        """
        tests: dict[str, set[object]] = {}
        apart: set[str] = set()
        for each in classes:
            for name, asked in each.by_attribute.items():
                if name.startswith(tuple(_BETWEEN)):
                    apart.update(name for one in asked if isinstance(one.test, Several))
                    tests.setdefault(name, set()).update(
                        (one.test.kind, one.test.value) for one in asked if isinstance(one.test, TextMatch)
                    )
        return frozenset(name for name in apart if len(tests[name]) > _ALONE)

    @property
    def _may_have_ports(self) -> bool:
        return self.port in (80, 443)  # others are there anyway

    @property
    def _any_host(self) -> Kind:
        """What a Host header can be; with a port where rules ask for that."""
        if self.with_ports:
            form = "[^:]+(:[0-9]{1,5})?"
            return Kind(usual=(OUTSIDE,), characters=AUTHORITY, never=NOT_IN_NAMES, form=form)
        return Kind(usual=(OUTSIDE,), characters=NAMES, never=NOT_IN_NAMES)

    def kind(self, attribute: str) -> Kind | None:
        """Returns what an attribute of a request to it can be; None for one that isn't varied."""
        if self.only and attribute not in self.only:
            return None
        if attribute == "method" and self.scheme == "grpc":
            return Kind(few=("POST",))
        if attribute == "path" and self.scheme == "grpc":
            return replace(KINDS["path"], usual=("/harness.Probe/Call",), form="/[^/]+(/+|%2F)[^/]+")
        if attribute == "host":
            aside = self.others if self.apart else ()
            return (
                Kind(few=self.hosts, aside=aside, open=True, characters=AUTHORITY, never=NOT_IN_NAMES)
                if self.hosts
                else self._any_host
            )
        if attribute == "sni":
            return Kind(few=self.names) if self.names else Kind(usual=(OUTSIDE,), characters=f"{NAMES}_")
        name = attribute.partition(" ")[0]
        kind = KINDS.get(attribute) or KINDS.get(name)
        return replace(kind, several=_BETWEEN[name]) if kind and attribute in self.repeated else kind


def targets(before: State, after: State) -> Iterator[Target]:
    """Yields what both configurations have."""
    foreign = sorted(_foreign(before) | _foreign(after))
    known = _patterns(before) | _patterns(after)
    every = {each.key: each for state in (after, before) for each in state.all("", "Service")}
    services = list(every.values())
    own = {service.namespace for service in services}.intersection(KUBERNETES)
    unnamed = own.difference(*(_named_namespaces(state, own) for state in (before, after)))
    others = grouped((port.number, service) for service in services for port in service_ports(service))
    for service in services:
        if _is_gateway(before, service) or _is_gateway(after, service):
            yield from _gateway(before, after, service)
        elif service.namespace not in unnamed:
            sides = list(filter(None, (state.get(*service.key) for state in (before, after))))
            named = list(pods.names(before, after, service, known))
            for number, scheme in (*_spoken(sides), *pods.ports(before, after, service)):
                other = next((each for each in others.get(number, ()) if each.key != service.key), None)
                yield _service(service, number, scheme, other, foreign[:_FOREIGN])
                yield from (_pod(service, pod, number, scheme) for pod in named)
    for workload, dialled, port in pods.unserved(before, after):
        yield from (_address(workload, dialled, port, scheme) for scheme in ("http", "tcp"))
    for name in (*foreign, OUTSIDE):
        for port, scheme in ((80, "http"), (443, "https"), *_entry_ports(before, after, name)):
            strange = tuple(_authority(each, port) for each in foreign[:_FOREIGN] if name == OUTSIDE)
            hosts = (_authority(name, port), *strange)
            yield Target(f"{name}:{port}", name, port, scheme, hosts=hosts, others=strange, names=(name,))
    for address, port, scheme in sorted(_addresses(before) | _addresses(after)):
        host = f"[{address}]" if ":" in address else address
        names = tuple(_authority(each, port) for each in (host, *foreign[:_FOREIGN]))
        yield Target(f"{host}:{port}", host, port, scheme, hosts=names, others=names[1:], names=(address,))


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
    own, elsewhere = (tuple(_authority(host, port) for host in listed) for listed in (hosts, others))
    tls = (short, full, svc, *alone)
    return Target(label, short, port, scheme, service, None, (*own, *elsewhere), elsewhere, tls)


def _pod(service: Resource, name: str, port: int, scheme: str) -> Target:
    label = f"{service}:{port} ({name.partition('.')[0]}{'' if scheme == 'http' else f', {scheme}'})"
    every = (name, f"{name}.svc", f"{name}{pods.DOMAIN}")
    hosts = tuple(_authority(host, port) for host in every)
    others = (_authority(OUTSIDE, port),)
    return Target(label, name, port, scheme, service, None, (*hosts, *others), others, every, pod=True)


def _address(workload: Workload, dialled: str, port: int, scheme: str) -> Target:
    label = f"{workload}:{port} (a pod's address{'' if scheme == 'http' else f', {scheme}'})"
    hosts = tuple(_authority(host, port) for host in (dialled, OUTSIDE))
    return Target(label, dialled, port, scheme, hosts=hosts, others=hosts[1:], names=(dialled,), pod=True)


def _gateway(before: State, after: State, service: Resource) -> Iterator[Target]:
    through = Workload(service.namespace, service.name)
    for port in service_ports(service):
        for scheme in ("http", "https"):
            label = f"{service}:{port.number} ({scheme} from outside)"
            yield Target(label, OUTSIDE, port.number, scheme, service, through)


def _authority(host: str, port: int) -> str:
    return host if port in (80, 443) else f"{host}:{port}"


def _is_gateway(state: State, service: Resource) -> bool:
    return any(pod.gateway for pod in addresses(state, service))


def _foreign(state: State) -> set[str]:
    """Hosts that the mesh knows, and that are no Service's."""
    own = {fqdn(service) for service in state.all("", "Service")}
    names = {
        host.replace("*", "harness")
        for host in _patterns(state) - own
        if host != "*" and not host.endswith(".local")
    }
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
    yield from sorted(pairs - {(80, "http"), (443, "https")})
