"""Running pods: what was fixed when they were started.

A pod that a dump shows is as ready as its status says, any other is taken to run and be ready.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.api.kubernetes.pod import Resolver, port_of
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.kubernetes.pod import Container, KubeletProbe, NamedPorts
    from harness.base.vocabulary import Mesh
    from harness.traffic.observables import Proxy


@dataclass(frozen=True)
class RunningContainer:
    """A container: its image, plain env, named ports, the kubelet's probes, arguments, and all ports."""

    name: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: tuple[KubeletProbe, ...] = ()
    args: tuple[str, ...] = ()
    exposed: tuple[int, ...] = ()

    @classmethod
    def of(cls, container: Container) -> RunningContainer:
        """Returns a container as a pod's spec has it."""
        return cls(
            container.name,
            container.image,
            container.variables,
            container.named_ports,
            tuple(container.probes()),
            container.args,
            tuple(port.number for port in container.ports),
        )

    @property
    def repository(self) -> str:
        """The image's name without registry default, tag and digest."""
        name = self.image.partition("@")[0]
        stem, _, tag = name.rpartition(":")
        name = stem if stem and "/" not in tag else name
        return name.removeprefix("docker.io/").removeprefix("library/")


@dataclass(frozen=True)
class Pod:
    """A running pod; `annotations` are its own, completed by those its namespace had at its start.

    `gateway` is the mesh as whose gateway it runs. `ip` is empty where it isn't known: a dump tells it.
    `hostname` and `subdomain` name a pod below a headless Service. `identities` are those by which each mesh
    knows it, in the trust domain of its start. `tunnel` is the port on which its proxy takes what its mesh's
    other proxies send, where that isn't the port that is meant. A place outside of the cluster is a pod, too,
    where it is an endpoint of a Service: one without namespace, whose name is its address (`outside`).
    """

    name: str
    workload: Workload
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    containers: tuple[RunningContainer, ...]
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    gateway: Mesh | None = None
    ip: str = ""
    ready: bool = True
    host_network: bool = False
    hostname: str = ""
    subdomain: str = ""
    resolver: Resolver = field(default_factory=Resolver)
    named_ports: NamedPorts = field(default_factory=dict)
    identities: Mapping[Mesh, str] = field(default_factory=dict)
    tunnel: int | None = None

    @classmethod
    def at(cls, address: str) -> Pod:
        """Returns the stand-in for what is at an address outside of the cluster: no labels, no proxies."""
        return cls(address, Workload("", address), {}, {}, "", (), ip=address)

    @property
    def outside(self) -> bool:
        """Whether this stands for a place outside of the cluster."""
        return not self.workload.namespace

    @property
    def namespace(self) -> str:
        return self.workload.namespace

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose proxy intercepts the pod's traffic, if any."""
        return self.proxies[0].mesh if self.proxies else None

    def port(self, target: int | str, protocol: str = "TCP") -> int | None:
        """Returns the number of a target port, which may be a container port's name."""
        return port_of(target, self.named_ports, protocol)

    def probe_paths(self, port: int) -> tuple[str, ...]:
        """Returns the paths that the kubelet's HTTP probes ask for on this port."""
        return tuple(
            probe.path
            for container in self.containers
            for probe in container.probes
            if probe.handler == "httpGet" and probe.port == port
        )
