"""Services: their ports and addresses, the pods behind them, EndpointSlices, and the Endpoints of old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.istio.hosts import protocol_of
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.workload import template_of, workloads
from harness.api.node import Node, Object, Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload


class ServicePort(Node):
    """One port of a Service."""

    name = field.text("name")
    protocol = field.text("protocol", "TCP")
    app_protocol = field.text("appProtocol")
    node_port = field.integer("nodePort")
    number = field.count("port")
    written_target = field.integer_or_text("targetPort")

    @property
    def target(self) -> int | str:
        """The pods' port, or its name among their containers' ports: by default the same number."""
        return self.written_target or self.number


class ClientIPConfig(Node):
    """How long a client is kept on a pod."""

    seconds = field.count("timeoutSeconds", 10_800)


class SessionAffinityConfig(Node):
    """What more is said of sessions."""

    client_ip = field.node("clientIP", ClientIPConfig)


class Service(Spec):
    """A Service's spec."""

    type = field.text("type", "ClusterIP")
    cluster_ip = field.text("clusterIP")
    cluster_ips = field.texts("clusterIPs")
    external_name = field.text("externalName")
    selector = field.labels("selector")
    ports = field.nodes("ports", ServicePort)
    publishes_unready = field.boolean("publishNotReadyAddresses")
    internal_policy = field.text("internalTrafficPolicy", "Cluster")
    distribution = field.text("trafficDistribution")
    session_affinity = field.text("sessionAffinity", "None")
    session = field.node("sessionAffinityConfig", SessionAffinityConfig)

    @property
    def headless(self) -> bool:
        """Whether it has no address of its own: its name leads to its pods."""
        return self.cluster_ip == "None"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of its own, as far as it says."""
        written = self.cluster_ips or (self.cluster_ip,)
        return tuple(address for address in written if address not in ("", "None"))

    @property
    def is_alias(self) -> bool:
        """Whether it is another name for a name outside of it, and nothing more (ExternalName)."""
        return self.type == "ExternalName"

    @property
    def alias(self) -> str:
        """The name that an ExternalName stands for, as DNS compares names."""
        return self.external_name.rstrip(".").lower()


def services_of(workload: Workload, resources: Iterable[Resource]) -> tuple[str, ...]:
    """Returns URLs of the Services that select a workload, the most specific selector first.

    A port is HTTP by its name or appProtocol (`http…`), or gRPC (`grpc…`, which makes a grpc:// URL);
    ports that say neither are taken for HTTP, as meshes that detect protocols do.
    """
    objects = tuple(resources)
    controllers = (each for each in objects if workloads((each,)) == (workload,))
    labels = next((template_of(each).metadata.labels for each in controllers), {})
    urls: list[tuple[int, str]] = []
    for resource in objects:
        if resource.kind != "Service" or resource.group or resource.namespace != workload.namespace:
            continue
        service = Service.of(resource)
        if not service.selector or not selects(service.selector, labels):
            continue
        for port in service.ports[:1]:
            scheme = "grpc" if protocol_of(port.app_protocol or port.name) == "grpc" else "http"
            url = f"{scheme}://{resource.name}.{resource.namespace}:{port.number}/"
            urls.append((-len(service.selector), url))
    return tuple(url for _, url in sorted(urls))


SERVICE_NAME = "kubernetes.io/service-name"
"""An EndpointSlice's label: the Service that it is of."""

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
"""An EndpointSlice's label: what wrote it."""


class EndpointPort(Node):
    """A port of endpoints; without a number it stands for none."""

    name = field.text("name")
    number = field.integer("port")
    protocol = field.text("protocol", "TCP")


class TargetReference(Node):
    """The object that an endpoint is."""

    kind = field.text("kind")
    name = field.text("name")

    @property
    def pod(self) -> str:
        """The Pod's name, empty if it is something else."""
        return self.name if self.kind == "Pod" else ""


class EndpointConditions(Node):
    """How an endpoint is: ready unless it says otherwise."""

    ready = field.boolean("ready", default=True)


class SliceEndpoint(Node):
    """An endpoint of an EndpointSlice: one pod or place by its addresses."""

    addresses = field.texts("addresses")
    conditions = field.node("conditions", EndpointConditions)
    target = field.node("targetRef", TargetReference)


class EndpointSlice(Object):
    """An EndpointSlice."""

    endpoints = field.nodes("endpoints", SliceEndpoint)
    ports = field.nodes("ports", EndpointPort)


class EndpointAddress(Node):
    """An address of Endpoints."""

    ip = field.text("ip")
    target = field.node("targetRef", TargetReference)


class EndpointSubset(Node):
    """Addresses that have their ports in common."""

    addresses = field.nodes("addresses", EndpointAddress)
    unready = field.nodes("notReadyAddresses", EndpointAddress)
    ports = field.nodes("ports", EndpointPort)


class Endpoints(Object):
    """Endpoints: those of the Service of this name."""

    subsets = field.nodes("subsets", EndpointSubset)
