"""ServiceEntry, WorkloadEntry, Sidecar: which hosts clients' proxies know [Istio: networking/v1]."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from harness.api import field
from harness.api.istio.destination import Destination
from harness.api.istio.destination_rule import ConnectionPool
from harness.api.kubernetes.metadata import labels_of
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Mapping


ALLOW_ANY, REGISTRY_ONLY = "ALLOW_ANY", "REGISTRY_ONLY"
BY_HOST = "ALLOW_ANY_DYNAMIC_DNS"
"""Of MeshConfig alone: HTTP goes where its Host leads, and other bytes where the client dialled."""


class WorkloadSelector(Node):
    """The labels of the workloads that are meant."""

    labels = field.labels("labels")


class SidecarPort(Node):
    """A port, and what is spoken there; number 0: nothing is said of a port."""

    number = field.count("number")
    name = field.text("name")
    protocol = field.text("protocol")
    target_port = field.count("targetPort")


class IngressListener(Node):
    """A port of the pod, and where in it requests to that go (empty: to the same port)."""

    port = field.node("port", SidecarPort)
    bind = field.text("bind")
    capture_mode = field.text("captureMode")
    default_endpoint = field.text("defaultEndpoint")
    connection_pool = field.optional_node("connectionPool", ConnectionPool)

    @property
    def target(self) -> int:
        """The port that the application listens on."""
        text = self.default_endpoint.rpartition(":")[2]
        return int(text) if text.isdigit() else self.port.number


class EgressListener(Node):
    """The hosts that proxies know, as `namespace/host`, on one port or on all."""

    hosts = field.texts("hosts")
    port = field.node("port", SidecarPort)
    bind = field.text("bind")
    capture_mode = field.text("captureMode")

    @property
    def address(self) -> str:
        """The address that it takes connections for, empty if those of the hosts.

        Without capture it is a listener of the proxy's own, on the loopback unless it says otherwise.
        """
        return self.bind or ("127.0.0.1" if self.capture_mode == "NONE" else "")


class OutboundTrafficPolicy(Node):
    """What becomes of requests for hosts that a proxy doesn't know."""

    mode = field.text("mode")
    egress_proxy = field.optional_node("egressProxy", Destination)


class Sidecar(Spec):
    """The hosts that some workloads' proxies know, and what they do with requests for others."""

    KIND: ClassVar = ("networking.istio.io", "Sidecar")

    workload_selector = field.node("workloadSelector", WorkloadSelector)
    ingress = field.nodes("ingress", IngressListener)
    egress = field.nodes("egress", EgressListener)
    inbound_connection_pool = field.optional_node("inboundConnectionPool", ConnectionPool)
    outbound_traffic_policy = field.optional_node("outboundTrafficPolicy", OutboundTrafficPolicy)

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels of the workloads that it is for; none: for all."""
        return self.workload_selector.labels


GROUP = "networking.istio.io"


class EntryEndpoint(Node):
    """A place outside of pods; a ServiceEntry writes it like a WorkloadEntry."""

    address = field.text("address")
    ports = field.integers_by_name("ports")
    own_labels = field.labels("labels")
    weight = field.count("weight")
    locality = field.text("locality")

    @property
    def labels(self) -> Mapping[str, str]:
        return self.own_labels


class WorkloadEntry(EntryEndpoint, Spec):
    """An endpoint that selectors take in as they do pods."""

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Its labels: those of the object go over the spec's [istio/istio: ConvertWorkloadEntry]."""
        return {**self.own_labels, **labels_of(self.resource)}


class ServiceEntryPort(Node):
    """A port of all of a ServiceEntry's hosts."""

    number = field.count("number")
    name = field.text("name")
    protocol = field.text("protocol")
    target_port = field.count("targetPort")


class ServiceEntry(Spec):
    """Hosts that proxies know, and where they are."""

    hosts = field.texts("hosts")
    addresses = field.texts("addresses")
    ports = field.nodes("ports", ServiceEntryPort)
    location = field.text("location")
    resolution = field.nonempty("resolution", "NONE")
    endpoints = field.nodes("endpoints", EntryEndpoint)
    workload_selector = field.optional_node("workloadSelector", WorkloadSelector)
    export_to = field.texts("exportTo")

    @property
    def is_internal(self) -> bool:
        """Whether it is part of the mesh: elsewhere proxies begin no mutual TLS by themselves."""
        return self.location == "MESH_INTERNAL"

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels of the pods and WorkloadEntries that it takes in."""
        return self.workload_selector.labels if self.workload_selector is not None else {}
