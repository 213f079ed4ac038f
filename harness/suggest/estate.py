"""The estate as its first stage has it: who may ask, what is called by whom, and how it is named."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.explore.answers import compared
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.errors import NotModelledError
from harness.base.vocabulary import PLATFORM, Workload
from harness.model.calls import calls
from harness.model.decide import decide, unguarded
from harness.model.network.services import endpoints, service_ports
from harness.model.state.tables import grouped
from harness.traffic.request import DEFAULT_PORTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from harness.analysis.explore.answer import ComparedAnswer
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.calls import Call
    from harness.model.network.services import ServicePort
    from harness.model.state import Pod
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

NETWORK = "networking.k8s.io"
"""The API group of NetworkPolicies."""

_PATHS = {
    "faces-color": ("/ColorService/Center",),
    "bookinfo-productpage": ("/productpage",),
    "bookinfo-details": ("/details/0", "/health"),
    "bookinfo-reviews": ("/reviews/0", "/health"),
    "bookinfo-ratings": ("/ratings/0", "/health"),
    "examples-helloworld": ("/hello",),
    "go-httpbin": ("/get", "/anything", "/headers", "/status/200", "/delay/0", "/hostname"),
}
"""Paths that demos answer, by a part of their images' names; other applications are asked for `/`."""


@dataclass(frozen=True)
class Estate:
    """What each stage comes to, and who sends requests: `workloads` of the apps, and two clients besides.

    `originals` are the user's objects by their keys: they know the user's files.
    """

    states: tuple[State, ...]
    workloads: Collection[Workload]
    inside: Workload
    outside: Workload
    originals: Mapping[tuple[str, str, str, str], Resource] = field(default_factory=dict)

    @cached_property
    def configuration(self) -> Mapping[tuple[str, str, str, str], Resource]:
        """The objects that decide on requests: the meshes', the Gateway API's, the network's.

        The user's own, and what is translated of them.
        """
        groups = {*MESH_OF_GROUP, GATEWAY_API, NETWORK}
        made = {key: stored.live for key, stored in self.states[-1].objects.items() if key[2] not in PLATFORM}
        return {key: each for key, each in (made | {**self.originals}).items() if each.group in groups}

    @property
    def state(self) -> State:
        """The estate as it is, in the first stage."""
        return self.states[0]

    @cached_property
    def services(self) -> tuple[Resource, ...]:
        """The Services of the estate itself, by namespace and name."""
        services = (service for service in self.state.all("", "Service") if service.namespace not in PLATFORM)
        return tuple(sorted(services, key=lambda service: (service.namespace, service.name)))

    @cached_property
    def names(self) -> frozenset[str]:
        """The workloads' names that only one of them has."""
        return frozenset(_single(workload.name for workload in self.workloads))

    @cached_property
    def own(self) -> tuple[Workload, ...]:
        """The estate's running workloads, without the clients that were added to it."""
        added = (self.inside, self.outside)
        return tuple(filter(self.state.pods_of, sorted(set(self.workloads).difference(added))))

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls that workloads' own configuration speaks of, but for those of a workload to itself.

        Who calls most Services comes first: programs are often told their own Service's name, too.
        """
        others = [
            call
            for call in calls(self.state)
            if call.caller in self.own and call.caller not in self.behind(call.service)
        ]
        count = Counter(call.caller for call in others)
        return tuple(sorted(others, key=lambda call: (-count[call.caller], call.caller)))

    @cached_property
    def _callers(self) -> dict[tuple[str, ...], list[Workload]]:
        return grouped((call.service.key, call.caller) for call in self.calls)

    def known_callers(self, service: Resource) -> tuple[Workload, ...]:
        """Returns the workloads that are told to call a Service, by their own configuration."""
        return tuple(self._callers.get(service.key, ()))

    def callers(self, service: Resource) -> tuple[Workload, ...]:
        """Returns who may call a Service, the likeliest first; the added clients come last.

        Those that are told to, its namespace's other workloads, all others; those behind it come late.
        """
        behind = self.behind(service)
        others = [caller for caller in self.own if caller not in behind]
        near = [caller for caller in others if caller.namespace == service.namespace]
        late = [caller for caller in self.own if caller in behind]
        told_to = self.known_callers(service)
        return (*dict.fromkeys((*told_to, *near, *others, *late)), self.inside, self.outside)

    @cached_property
    def _behind(self) -> dict[tuple[str, ...], frozenset[Workload]]:
        return {
            service.key: frozenset(
                end.pod.workload for port in service_ports(service) for end in endpoints(self.state, port)
            )
            for service in self.services
        }

    def likely(self, service: Resource | None) -> dict[Workload, int]:
        """Returns the rank of each who may call a Service (None: a host outside), the likeliest first."""
        callers = self.callers(service) if service is not None else (*self.own, self.inside, self.outside)
        return {caller: rank for rank, caller in enumerate(callers)}

    def behind(self, service: Resource) -> frozenset[Workload]:
        """Returns the workloads whose pods a Service leads to."""
        return self._behind.get(service.key, frozenset())

    @cached_property
    def _short(self) -> frozenset[str]:
        return frozenset(_single(service.name for service in self.services))

    def called(self, service: Resource) -> str:
        """Returns what a Service is called: its name, with its namespace where others have the name, too."""
        return service.name if service.name in self._short else f"{service.name}.{service.namespace}"

    def path(self, service: Resource) -> str:
        """Returns a path that the Service's application answers, as far as anybody knows."""
        return self.paths(service)[0]

    def paths(self, service: Resource) -> tuple[str, ...]:
        """Returns paths that the Service's application answers, the most usual first."""
        containers = (
            container
            for port in service_ports(service)
            for endpoint in endpoints(self.state, port)
            for container in endpoint.pod.containers
        )
        images = (container.repository.rpartition("/")[2] for container in containers)
        return next((paths for image in images for part, paths in _PATHS.items() if part in image), ("/",))

    def pod(self, workload: Workload) -> Pod:
        """Returns the first pod of a running workload."""
        return self.state.pods_of(workload)[0]

    def entrances(self, service: Resource) -> Iterator[tuple[ServicePort, str]]:
        """Yields a Service's ports, with what their clients speak first; HTTP and gRPC come first."""
        path = self.path(service)
        ports = [(port, scheme) for port in service_ports(service) for scheme in schemes(port, path)[:1]]
        yield from sorted(ports, key=lambda entrance: entrance[1] not in ("http", "grpc"))

    def outcomes(self, request: Request) -> Outcomes | None:
        """Returns what the model says of a request, None if it can't say."""
        with suppress(NotModelledError):
            return decide(self.state, request)
        return None

    def unguarded(self, request: Request) -> tuple[ComparedAnswer, ...]:
        """Returns what the application itself answers, past routes and policies; empty if unknown."""
        if request.through:
            return ()
        with suppress(NotModelledError):
            outcomes = unguarded(self.state, request)
            return tuple(answer for answer, _ in compared(outcomes).shares) if outcomes else ()
        return ()


def _single(names: Iterable[str]) -> Iterator[str]:
    """The names that are there once."""
    return (name for name, count in Counter(names).items() if count == 1)


def url(service: Resource, port: ServicePort, caller: Workload, scheme: str, target: str = "/") -> str:
    """Returns the URL by which a workload calls a Service, as short as it may be."""
    host = service.name if caller.namespace == service.namespace else f"{service.name}.{service.namespace}"
    number = "" if port.number == DEFAULT_PORTS[scheme] else f":{port.number}"
    return f"{scheme}://{host}{number}{'' if scheme == 'tcp' else target}"


def schemes(port: ServicePort, path: str) -> tuple[str, ...]:
    """Returns what clients of a port may speak, by what it says; the likeliest first."""
    match port.protocol:
        case "grpc":
            return ("grpc",)
        case "http2":
            # Only a gRPC method is a path of two parts.
            return ("grpc", "http") if path.count("/") == 2 else ("http", "grpc")
        case "tls":
            return ("https",)
        case "tcp":
            return ("tcp",)
        case _:
            return ("http",)
