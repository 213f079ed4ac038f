"""ExternalWorkload: a machine outside of the cluster with Linkerd's proxy, which Services may lead to."""

from __future__ import annotations

from harness.api import field
from harness.api.kubernetes.status import AddressStatus, ConditionedStatus
from harness.api.node import Node, Spec

GROUP = "workload.linkerd.io"


class WorkloadPort(Node):
    """A port of a machine, which a Service may name."""

    name = field.text("name")
    number = field.count("port")
    protocol = field.text("protocol", "TCP")


class WorkloadTLS(Node):
    """How a machine shows who it is."""

    identity = field.text("identity")


class ExternalWorkload(Spec):
    """A machine's addresses, ports and identity."""

    _tls = field.node("meshTLS", WorkloadTLS)
    _early_tls = field.node("meshTls", WorkloadTLS)
    ports = field.nodes("ports", WorkloadPort)
    _addresses = field.nodes("workloadIPs", AddressStatus)

    @property
    def identity(self) -> str:
        """The identity that its certificate has: a DNS name, or a SPIFFE id."""
        return self._tls.identity or self._early_tls.identity

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, one for each version of IP at most."""
        return tuple(address.ip for address in self._addresses if address.ip)

    @property
    def ready(self) -> bool:
        """Whether Services have it as an endpoint; one whose status isn't shown counts as ready."""
        status = ConditionedStatus.of(self.resource)
        return status.ready or not status.conditions
