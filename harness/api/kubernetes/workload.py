"""Workloads and the pods that they make, as their objects say.

Of a pod's spec the model reads what traffic depends on: labels, annotations, serviceAccountName,
hostNetwork, hostname, subdomain, DNS settings, containers' names, images, ports, env and probes.
The rest (volumes, resources, scheduling, security contexts, commands, lifecycle…) is inert.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from harness.api.objects import spec_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource

Handler = Literal["httpGet", "tcpSocket", "grpc", "exec"]

_HANDLERS: tuple[Handler, ...] = ("httpGet", "tcpSocket", "grpc", "exec")


@dataclass(frozen=True)
class Probe:
    """One probe: `name` is its field (`readinessProbe`); `port` is None for `exec`, and for a name unknown.

    `tls` tells that the kubelet speaks TLS, without checking the certificate.
    """

    name: str
    handler: Handler
    port: int | None = None
    path: str = "/"
    tls: bool = False


def probes_of(container: Mapping[str, Any], ports: Mapping[str, int]) -> tuple[Probe, ...]:
    """Returns a container's probes; a port's name is looked up among its own ports."""
    return tuple(_probes(container, ports))


def _probes(container: Mapping[str, Any], ports: Mapping[str, int]) -> Iterator[Probe]:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        said = container.get(name) or {}
        handler = next((one for one in _HANDLERS if said.get(one)), None)
        if handler is None:
            continue
        action = said[handler]
        port = str(action.get("port", ""))
        number = ports.get(port, int(port) if port.isdecimal() else None)
        yield Probe(name, handler, number, action.get("path") or "/", action.get("scheme") == "HTTPS")


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
