"""What is called: ports of the estate's Services, its gateways, and hosts outside that it knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.istio.registry import GROUP, ServiceEntry
from harness.base.vocabulary import Workload
from harness.model.network.services import addresses, service_ports
from harness.suggest.estate import schemes, url
from harness.traffic.request import DEFAULT_PORTS, HOST, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.network.services import ServicePort
    from harness.suggest.estate import Estate

_ENTRY_SCHEMES = {"HTTP": "http", "HTTP2": "http", "GRPC": "http", "HTTPS": "https", "TLS": "https"}
"""What clients of a ServiceEntry's port speak, by its protocol; connections, if it is another."""


@dataclass(frozen=True)
class Target:
    """A port that is called in one way: of a Service (a gateway's is called from outside), or of a `host`.

    `path` is one that its application answers, as far as anybody knows; `own` are the workloads behind it.
    """

    name: str
    scheme: str
    port: ServicePort | None = None
    url: str = ""
    gateway: bool = False
    path: str = "/"
    own: frozenset[Workload] = frozenset()

    @property
    def grpc(self) -> bool:
        """Whether calls of gRPC are made."""
        return self.scheme == "grpc"

    def request(
        self,
        caller: Workload,
        target: str = "/",
        method: str = "GET",
        host: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Request:
        """Returns a request; `host` is a Host header that differs from what is dialled, or TLS's name."""
        if self.port is None:
            return Request(caller, self.url + (target if self.scheme != "tcp" else ""), method, headers)
        service = self.port.service
        if self.gateway and self.scheme == "https":
            number = "" if self.port.number == DEFAULT_PORTS["https"] else f":{self.port.number}"
            named = f"https://{host or service.name}{number}{target}"
            return Request(HOST, named, method, headers, through=Workload(service.namespace, service.name))
        sent = (("host", host), *headers) if host else headers
        return Request(caller, url(service, self.port, caller, self.scheme, target), method, sent)


def targets(estate: Estate) -> Iterator[Target]:
    """Yields what is called, the gateways first."""
    inside: list[Resource] = []
    gateways: list[Resource] = []
    for service in estate.state.all("", "Service"):
        is_gateway = any(pod.gateway for pod in addresses(estate.state, service))
        if is_gateway or service in estate.services:
            (gateways if is_gateway else inside).append(service)
    for service in gateways:
        yield from (replace(target, gateway=True) for target in _of_service(estate, service))
    for service in sorted(inside, key=lambda service: (service.namespace, service.name)):
        yield from _of_service(estate, service)
    yield from _outside(estate)


def _of_service(estate: Estate, service: Resource) -> Iterator[Target]:
    path, own = estate.path(service), estate.behind(service)
    for port in service_ports(service):
        for scheme in schemes(port, path):
            yield Target(estate.called(service), scheme, port, path=path, own=own)


def _outside(estate: Estate) -> Iterator[Target]:
    """The hosts of ServiceEntries, each with its ports; and one that nobody knows, where it may matter."""
    known = estate.state.all(GROUP, "ServiceEntry")
    for entry in map(ServiceEntry.of, known):
        for host in entry.hosts:
            name = host.replace("*", "any")
            for port in entry.ports:
                scheme = _ENTRY_SCHEMES.get(port.protocol.upper(), "tcp")
                number = "" if port.number == DEFAULT_PORTS[scheme] else f":{port.number}"
                yield Target(f"{name}{number}", scheme, url=f"{scheme}://{name}{number}")
    if known:
        yield Target("unknown.example", "http", url="http://unknown.example")
