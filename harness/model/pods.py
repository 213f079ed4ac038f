"""Running pods: what was fixed when they were started.

Of a pod's spec the model reads what traffic depends on: labels, annotations, serviceAccountName,
hostNetwork, automountServiceAccountToken, containers' names, images, ports, env and HTTP probes.
The rest (volumes, resources, scheduling, security contexts, commands, lifecycle…) is inert:
every pod is taken to run and be ready.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.model.objects import spec_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.providers.base import Proxy
    from harness.resources import Resource
    from harness.vocabulary import Mesh, Workload

# The letters of Kubernetes' generated names [k8s.io/apimachinery/pkg/util/rand].
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(frozen=True)
class Container:
    """A container: its image, plain env, named ports, and the paths that HTTP probes ask for by port."""

    name: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: tuple[tuple[int, str], ...] = ()

    @property
    def repository(self) -> str:
        """The image's name without registry default, tag and digest."""
        name = self.image.partition("@")[0]
        stem, _, tag = name.rpartition(":")
        name = stem if stem and "/" not in tag else name
        return name.removeprefix("docker.io/").removeprefix("library/")


@dataclass(frozen=True)
class Pod:
    """A running pod; `annotations` are its own, completed by those its namespace had at its start."""

    name: str
    workload: Workload
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    containers: tuple[Container, ...]
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    gateway: bool = False

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
        return f"cluster.local/ns/{self.namespace}/sa/{self.service_account}"

    @property
    def dns_identity(self) -> str:
        """The pod's identity in Linkerd."""
        return f"{self.service_account}.{self.namespace}.serviceaccount.identity.linkerd.cluster.local"

    def port(self, target: int | str) -> int | None:
        """Returns the number of a target port, which may be a container port's name."""
        if isinstance(target, int):
            return target
        if target.isdecimal():
            return int(target)
        return next((c.ports[target] for c in self.containers if target in c.ports), None)

    def probe_paths(self, port: int) -> tuple[str, ...]:
        """Returns the paths that the kubelet's HTTP probes ask for on this port."""
        return tuple(path for container in self.containers for at, path in container.probes if at == port)


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
            return tuple(f"{resource.name}-{index}" for index in range(count))
    metadata, spec = pod_template(resource)
    seed = f"{resource}{sorted((metadata.get('labels') or {}).items())}{spec}"
    middle = f"-{_letters(seed, 10)}" if resource.kind == "Deployment" else ""
    return tuple(f"{resource.name}{middle}-{_letters(f'{seed}{index}', 5)}" for index in range(count))


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
    gets = [part[probe]["httpGet"] for probe in _PROBES if (part.get(probe) or {}).get("httpGet")]
    probes = tuple(
        (port, get.get("path") or "/")
        for get in gets
        if (
            port := ports.get(str(get["port"]))
            or (int(get["port"]) if str(get["port"]).isdecimal() else None)
        )
    )
    return Container(part.get("name", ""), part.get("image", ""), env, ports, probes)
