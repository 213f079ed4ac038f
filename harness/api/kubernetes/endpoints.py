"""Endpoints of Services: EndpointSlices, and the Endpoints of old."""

from __future__ import annotations

from harness.api.node import Node, Object, boolean, integer, node, nodes, text, texts

SERVICE_NAME = "kubernetes.io/service-name"
"""An EndpointSlice's label: the Service that it is of."""

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
"""An EndpointSlice's label: what wrote it."""


class EndpointPort(Node):
    """A port of endpoints; without a number it stands for none."""

    name = text("name")
    number = integer("port")
    protocol = text("protocol", "TCP")


class TargetReference(Node):
    """The object that an endpoint is."""

    kind = text("kind")
    name = text("name")

    @property
    def pod(self) -> str:
        """The Pod's name, empty if it is something else."""
        return self.name if self.kind == "Pod" else ""


class EndpointConditions(Node):
    """How an endpoint is; it is ready unless it says otherwise."""

    ready = boolean("ready", default=True)


class SliceEndpoint(Node):
    """An endpoint of an EndpointSlice: one pod or place by its addresses."""

    addresses = texts("addresses")
    conditions = node("conditions", EndpointConditions)
    target = node("targetRef", TargetReference)


class EndpointSlice(Object):
    """An EndpointSlice."""

    endpoints = nodes("endpoints", SliceEndpoint)
    ports = nodes("ports", EndpointPort)


class EndpointAddress(Node):
    """An address of Endpoints."""

    ip = text("ip")
    target = node("targetRef", TargetReference)


class EndpointSubset(Node):
    """Addresses that have their ports in common."""

    addresses = nodes("addresses", EndpointAddress)
    unready = nodes("notReadyAddresses", EndpointAddress)
    ports = nodes("ports", EndpointPort)


class Endpoints(Object):
    """Endpoints: those of the Service of this name."""

    subsets = nodes("subsets", EndpointSubset)
