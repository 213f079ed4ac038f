"""Pods and the templates that they are made of: what traffic depends on.

That is labels, annotations, the service account, hostNetwork, hostname, subdomain, DNS settings, and of
containers names, images, commands, arguments, ports, env and probes. The rest (volumes, resources,
scheduling, security contexts, lifecycle…) is inert.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.api import field
from harness.api.kubernetes.metadata import Metadata
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

Handler = Literal["httpGet", "tcpSocket", "grpc", "exec"]

NamedPorts = Mapping[tuple[str, str], int]
"""The numbers of ports by their names and protocols."""

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def port_of(target: int | str, named: NamedPorts, protocol: str = "TCP") -> int | None:
    """Returns the number of a target port, which may be a name of a pod's; None for a name that it hasn't."""
    if isinstance(target, int) or target.isdecimal():
        return int(target)
    return named.get((target, protocol))


@dataclass(frozen=True)
class KubeletProbe:
    """One probe: `name` is its field (`readinessProbe`); `port` is None for `exec`, and for a name unknown.

    `tls` tells that the kubelet speaks TLS, without checking the certificate. After `threshold` failures in
    a row it acts.
    """

    name: str
    handler: Handler
    port: int | None = None
    path: str = "/"
    tls: bool = False
    threshold: int = dataclasses.field(default=3, compare=False)


@dataclass(frozen=True)
class Resolver:
    """How a pod looks names up: where the node's own resolver serves it, no name of the cluster resolves.

    `searches` are domains after the cluster's; a name with `ndots` dots is tried as it stands first.
    """

    cluster: bool = True
    searches: tuple[str, ...] = ()
    ndots: int = 5


class ContainerPort(Node):
    """A port that a container names."""

    name = field.text("name")
    protocol = field.text("protocol", "TCP")
    number = field.count("containerPort")
    on_node = field.count("hostPort")


class NamedValue(Node):
    """A variable of an environment, or a resolver's option; what comes from elsewhere has no value here."""

    name = field.text("name")
    value = field.text("value")


class ProbeAction(Node):
    """What a probe does: the fields of httpGet, tcpSocket and grpc."""

    port = field.integer_or_text("port")
    url_path = field.text("path")
    scheme = field.text("scheme", "HTTP")


class Probe(Node):
    """A probe of a container's, as it is written."""

    http_get = field.node("httpGet", ProbeAction)
    tcp_socket = field.node("tcpSocket", ProbeAction)
    grpc = field.node("grpc", ProbeAction)
    exec = field.node("exec", ProbeAction)
    failure_threshold = field.integer("failureThreshold")

    @property
    def action(self) -> tuple[Handler, ProbeAction] | None:
        """How it asks, and by which fields; None for a probe that says nothing."""
        if self.http_get:
            return "httpGet", self.http_get
        if self.tcp_socket:
            return "tcpSocket", self.tcp_socket
        return ("grpc", self.grpc) if self.grpc else ("exec", self.exec) if self.exec else None


class SecurityContext(Node):
    """As whom processes run."""

    user = field.integer("runAsUser")


class Container(Node):
    """A container of a pod."""

    name = field.text("name")
    image = field.text("image")
    command = field.texts("command")
    args = field.texts("args")
    env = field.nodes("env", NamedValue)
    ports = field.nodes("ports", ContainerPort)
    restart_policy = field.text("restartPolicy")
    security = field.node("securityContext", SecurityContext)
    liveness = field.optional_node("livenessProbe", Probe)
    readiness = field.optional_node("readinessProbe", Probe)
    startup = field.optional_node("startupProbe", Probe)

    @property
    def named_ports(self) -> dict[str, int]:
        """The numbers of its ports by their names."""
        return {port.name: port.number for port in self.ports if port.name}

    @property
    def variables(self) -> dict[str, str]:
        """Its environment, as far as values are written there."""
        return {entry.name: entry.value for entry in self.env if entry.has("value")}

    def probes(self) -> Iterator[KubeletProbe]:
        """Yields its probes; a port's name is looked up among its own ports."""
        for name, probe in zip(PROBES, (self.liveness, self.readiness, self.startup), strict=True):
            if probe is None or probe.action is None:
                continue
            handler, action = probe.action
            threshold = probe.failure_threshold or KubeletProbe.threshold
            port = action.port or ""
            number = port if isinstance(port, int) else self.named_ports.get(port) or port_of(port, {})
            yield KubeletProbe(
                name, handler, number, action.url_path or "/", action.scheme == "HTTPS", threshold=threshold
            )


class DnsConfig(Node):
    """What a pod adds to its resolver's settings."""

    searches = field.texts("searches")
    options = field.nodes("options", NamedValue)


class PodSpec(Spec):
    """A pod's spec."""

    containers = field.nodes("containers", Container)
    init_containers = field.nodes("initContainers", Container)
    ephemeral_containers = field.nodes("ephemeralContainers", Container)
    service_account_name = field.text("serviceAccountName")
    deprecated_service_account = field.text("serviceAccount")
    host_network = field.boolean("hostNetwork")
    hostname = field.text("hostname")
    subdomain = field.text("subdomain")
    dns_policy = field.text("dnsPolicy", "ClusterFirst")
    dns_config = field.optional_node("dnsConfig", DnsConfig)
    node_name = field.text("nodeName")
    security = field.node("securityContext", SecurityContext)

    @property
    def service_account(self) -> str:
        """The ServiceAccount that the pod runs as.

        The API server takes `serviceAccount` where `serviceAccountName` is left out.
        [kubernetes/kubernetes: pkg/apis/core/v1/conversion.go, Convert_v1_PodSpec_To_core_PodSpec]
        """
        return self.service_account_name or self.deprecated_service_account or "default"

    @property
    def sidecars(self) -> tuple[Container, ...]:
        """The native sidecars: containers that start before the others and run as long."""
        return tuple(container for container in self.init_containers if container.restart_policy == "Always")

    @property
    def lasting(self) -> tuple[Container, ...]:
        """The containers that run as long as the pod, native sidecars first."""
        return (*self.sidecars, *self.containers)

    @property
    def node_ports(self) -> dict[int, int]:
        """The numbers of its ports by those on the node that lead to them."""
        ports = (port for container in (*self.containers, *self.sidecars) for port in container.ports)
        return {port.on_node: port.number for port in ports if port.on_node and port.protocol == "TCP"}

    @property
    def named_ports(self) -> NamedPorts:
        """The numbers of the ports that containers name.

        Ordinary containers come before native sidecars [kubernetes/kubernetes: pkg/api/v1/pod, FindPort].
        """
        containers = (*self.containers, *self.sidecars)
        ports = [port for container in containers for port in container.ports if port.name]
        return {(port.name, port.protocol): port.number for port in reversed(ports)}

    @property
    def resolver(self) -> Resolver:
        """How the pod looks names up [Kubernetes: DNS for Services and Pods].

        A pod on its host's network falls back to its node's resolver under the policy ClusterFirst.
        """
        policy, config = self.dns_policy or "ClusterFirst", self.dns_config
        cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not self.host_network)
        if config is None:
            return Resolver(cluster)
        ndots = {option.name: option.value for option in config.options}.get("ndots", "")
        return Resolver(cluster, config.searches, int(ndots) if ndots.isdecimal() else Resolver.ndots)


class PodTemplate(Node):
    """The pods that a workload object makes, or a Pod itself."""

    metadata = field.node("metadata", Metadata)
    spec = field.node("spec", PodSpec)
