"""What is called: ports of the estate's Services, its gateways, and hosts outside that it knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.analysis.explore.target import OUTSIDE
from harness.analysis.explore.targets import targets as places
from harness.base.vocabulary import PLATFORM
from harness.model.network.services import service_ports
from harness.suggest.estate import schemes
from harness.traffic.request import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.analysis.explore.target import Target as Place
    from harness.base.vocabulary import Workload
    from harness.suggest.estate import Estate
    from harness.traffic.request import Request


@dataclass(frozen=True)
class Target:
    """A place that is called, what it is called in words, and the workloads behind it.

    `paths` are some that its application answers, as far as anybody knows; none where none is to be chosen.
    """

    place: Place
    name: str
    paths: tuple[str, ...] = ()
    own: frozenset[Workload] = frozenset()
    usual: bool = True
    """Whether its clients speak so, by what its port says: bytes and TLS can be sent to any."""

    @property
    def path(self) -> str:
        """The path that it is asked for where nothing else counts."""
        return self.paths[0] if self.paths else ""

    @property
    def gateway(self) -> bool:
        """Whether it is a gateway, which is called from outside."""
        return self.place.through is not None

    def seen(self, request: Request, estate: Estate) -> Request:
        """Returns a request as a scenario sends it, to a gateway by a client in the cluster.

        TLS names its host to the gateway, so that one is sent from outside.
        """
        service, place = self.place.service, self.place
        if service is None or (place.through and place.scheme == "https"):
            return request
        source = estate.outside if place.through else request.source
        near = source.namespace == service.namespace
        name = service.name if near else f"{service.name}.{service.namespace}"
        name = place.host if place.pod else name
        number = "" if place.port == DEFAULT_PORTS[place.scheme] else f":{place.port}"
        rest = request.url.partition("://")[2].partition("/")
        path = f"/{rest[2]}" if rest[1] else ""
        headers = request.headers
        if place.through and request.header("host") is None:
            headers = (("host", rest[0]), *headers)
        own = {f"{name}{number}", name, service.name, f"{service.name}.{service.namespace}"}
        own |= {f"{each}:{place.port}" for each in own}
        headers = tuple(pair for pair in headers if pair[0] != "host" or pair[1] not in own)
        url = f"{place.scheme}://{name}{number}{path}"
        return replace(request, source=source, url=url, headers=headers, through=None, address=None)


def targets(estate: Estate) -> Iterator[Target]:
    """Yields what is called: gateways, the estate's Services in their order, hosts outside."""
    called = places(estate.states[0], estate.states[-1])
    # Which address a pod has no scenario can say; and nobody asks for what isn't there.
    every = [
        _target(estate, place) for place in called if (place.service or not place.pod) and not place.unlisted
    ]
    known = any(target.place.service is None and target.place.host != OUTSIDE for target in every)
    for target in sorted(every, key=_order):
        service = target.place.service
        if service is None:
            kept = known or target.place.host != OUTSIDE
        else:
            own = target.gateway or service.namespace not in PLATFORM
            # What is new nobody calls yet.
            kept = own and estate.state.get(*service.key) is not None
        if kept:
            yield target


def _order(target: Target) -> tuple[object, ...]:
    service = target.place.service
    return not target.gateway, service is None, *((service.namespace, service.name) if service else ())


def _target(estate: Estate, place: Place) -> Target:
    service = place.service
    if service is None:
        return Target(place, place.label)
    name = estate.called(service)
    if place.through:
        return Target(place, name)
    paths = estate.paths(service)
    path = paths[0]
    fits = (path.count("/") == 2) if place.scheme == "grpc" else place.scheme == "http"
    spoken = (schemes(port, path) for port in service_ports(service) if port.number == place.port)
    usual = any(place.scheme in each for each in spoken)
    return Target(place, name, paths if fits else (), estate.behind(service), usual)
