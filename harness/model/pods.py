"""Running pods: what was fixed when they were started.

Of a pod's spec the model reads what traffic depends on: labels, annotations, serviceAccountName,
hostNetwork, hostname, subdomain, DNS settings, containers' names, images, ports, env and probes.
The rest (volumes, resources, scheduling, security contexts, commands, lifecycle…) is inert. A pod
that a dump shows is as ready as its status says, any other is taken to run and be ready.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.model.objects import spec_of
from harness.model.probes import Probe, probes_of
from harness.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.providers.base import Proxy
    from harness.resources import Resource
    from harness.vocabulary import Mesh

# The letters of Kubernetes' generated names [k8s.io/apimachinery/pkg/util/rand].
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


WORKLOADS = (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("", "Pod"))
"""API group and kind of the objects that pods are made of."""


@dataclass(frozen=True)
class Container:
    """A container: its image, plain env, named ports, the kubelet's probes, arguments, and all ports."""

    name: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    args: tuple[str, ...] = ()
    exposed: tuple[int, ...] = ()

    @property
    def repository(self) -> str:
        """The image's name without registry default, tag and digest."""
        name = self.image.partition("@")[0]
        stem, _, tag = name.rpartition(":")
        name = stem if stem and "/" not in tag else name
        return name.removeprefix("docker.io/").removeprefix("library/")


@dataclass(frozen=True)
class Resolver:
    """How a pod looks names up: where the node's own resolver serves it, no name of the cluster resolves.

    `searches` are domains after the cluster's; a name with `ndots` dots is tried as it stands first.
    """

    cluster: bool = True
    searches: tuple[str, ...] = ()
    ndots: int = 5


@dataclass(frozen=True)
class Pod:
    """A running pod; `annotations` are its own, completed by those its namespace had at its start.

    `ip` is empty where it isn't known: a dump tells it. `hostname` and `subdomain` name a pod below a
    headless Service. A place outside of the cluster is a pod, too, where it is an endpoint of a Service:
    one without namespace, whose name is its address (`outside`).
    """

    name: str
    workload: Workload
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    containers: tuple[Container, ...]
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    gateway: bool = False
    ip: str = ""
    ready: bool = True
    host_network: bool = False
    hostname: str = ""
    subdomain: str = ""
    resolver: Resolver = Resolver()
    istio_domain: str = "cluster.local"
    linkerd_domain: str = "cluster.local"

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
        """The pod's namespace."""
        return self.workload.namespace

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose proxy intercepts the pod's traffic, if any."""
        return self.proxies[0].mesh if self.proxies else None

    @property
    def spiffe(self) -> str:
        """The pod's identity in Istio, without the `spiffe://` scheme."""
        return f"{self.istio_domain}/ns/{self.namespace}/sa/{self.service_account}"

    @property
    def dns_identity(self) -> str:
        """The pod's identity in Linkerd, in the trust domain that its proxy was started with."""
        domain = f"serviceaccount.identity.linkerd.{self.linkerd_domain}"
        return f"{self.service_account}.{self.namespace}.{domain}"

    def port(self, target: int | str) -> int | None:
        """Returns the number of a target port, which may be a container port's name."""
        if isinstance(target, int):
            return target
        if target.isdecimal():
            return int(target)
        return next((c.ports[target] for c in self.containers if target in c.ports), None)

    def probe_paths(self, port: int) -> tuple[str, ...]:
        """Returns the paths that the kubelet's HTTP probes ask for on this port."""
        return tuple(
            probe.path
            for container in self.containers
            for probe in container.probes
            if probe.handler == "httpGet" and probe.port == port
        )


def pod_template(resource: Resource) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the metadata and the spec of the pods that a workload object (or Pod) makes."""
    if resource.kind == "Pod":
        return resource.data.get("metadata") or {}, spec_of(resource)
    template = spec_of(resource).get("template") or {}
    return template.get("metadata") or {}, template.get("spec") or {}


def replicas(resource: Resource) -> int:
    """Returns how many pods a workload object runs; a DaemonSet runs one (the model has one node)."""
    if resource.kind in ("Pod", "DaemonSet"):
        return 1
    wanted = spec_of(resource).get("replicas")
    return 1 if wanted is None else int(wanted)


def pod_names(resource: Resource) -> tuple[str, ...]:
    """Returns names like those that Kubernetes generates; equal templates give equal names."""
    count = replicas(resource)
    match resource.kind:
        case "Pod":
            return (resource.name,)
        case "StatefulSet":
            first = (spec_of(resource).get("ordinals") or {}).get("start") or 0
            return tuple(f"{resource.name}-{first + index}" for index in range(count))
    metadata, spec = pod_template(resource)
    seed = f"{resource}{sorted((metadata.get('labels') or {}).items())}{spec}"
    middle = f"-{_letters(seed, 10)}" if resource.kind == "Deployment" else ""
    return tuple(f"{resource.name}{middle}-{_letters(f'{seed}{index}', 5)}" for index in range(count))


def host_names(resource: Resource, name: str) -> tuple[str, str]:
    """Returns hostname and subdomain of a workload object's pod; a StatefulSet gives its pods both."""
    _, spec = pod_template(resource)
    if resource.kind == "StatefulSet":
        return name, spec_of(resource).get("serviceName") or ""
    return spec.get("hostname") or "", spec.get("subdomain") or ""


def resolver_of(spec: Mapping[str, Any]) -> Resolver:
    """Returns how the pods of a spec look names up [Kubernetes: DNS for Services and Pods].

    A pod on its host's network falls back to its node's resolver under the policy ClusterFirst.
    """
    config = spec.get("dnsConfig") or {}
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    cluster = policy == "ClusterFirstWithHostNet" or (
        policy == "ClusterFirst" and not spec.get("hostNetwork")
    )
    options = {option.get("name"): option.get("value") for option in config.get("options") or ()}
    ndots = str(options.get("ndots") or "")
    return Resolver(cluster, tuple(config.get("searches") or ()), int(ndots) if ndots.isdecimal() else 5)


def _letters(seed: str, count: int) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:count])


def containers_of(spec: Mapping[str, Any]) -> tuple[Container, ...]:
    """Returns the containers of a pod's spec, native sidecars included."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return tuple(_container(part) for part in sidecars + list(spec.get("containers") or ()))


def _container(part: Mapping[str, Any]) -> Container:
    ports = {port["name"]: int(port["containerPort"]) for port in part.get("ports") or () if "name" in port}
    env = {entry["name"]: str(entry["value"]) for entry in part.get("env") or () if "value" in entry}
    args = tuple(str(arg) for arg in part.get("args") or ())
    exposed = tuple(int(port["containerPort"]) for port in part.get("ports") or ())
    return Container(
        part.get("name", ""), part.get("image", ""), env, ports, probes_of(part, ports), args, exposed
    )
