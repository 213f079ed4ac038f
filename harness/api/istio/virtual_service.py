"""VirtualService: its hosts, gateways and rules [Istio: networking/v1, VirtualService]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.api import field
from harness.api.istio.destination import RouteDestination
from harness.api.istio.hosts import MESH, full_host, gateways_in_full
from harness.api.istio.http_rule import GatewayMatch, HTTPRule
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConnectionMatch(GatewayMatch):
    """Conditions on a connection [Istio: TLSMatchAttributes, L4MatchAttributes]."""

    sni_hosts = field.texts("sniHosts")
    destination_subnets = field.texts("destinationSubnets")
    source_subnet = field.text("sourceSubnet")


class ConnectionRule(Node):
    """An entry of `tls` or `tcp` [Istio: TLSRoute, TCPRoute]."""

    matches = field.nodes("match", ConnectionMatch)
    route = field.nodes("route", RouteDestination)


class VirtualService(Spec):
    """What clients' proxies and gateways do with requests and connections to some hosts."""

    KIND: ClassVar = ("networking.istio.io", "VirtualService")

    hosts = field.texts("hosts")
    gateways = field.texts("gateways")
    http = field.nodes("http", HTTPRule)
    tls = field.nodes("tls", ConnectionRule)
    tcp = field.nodes("tcp", ConnectionRule)
    export_to = field.texts("exportTo")

    @property
    def full_hosts(self) -> tuple[str, ...]:
        return tuple(full_host(host, self.resource.namespace) for host in self.hosts)

    @property
    def bound(self) -> tuple[str, ...]:
        """The gateways that it is bound to, as `namespace/name` or `mesh` (also if it names none)."""
        return gateways_in_full(self.gateways or (MESH,), self.resource.namespace)

    @property
    def rules(self) -> Iterator[HTTPRule | ConnectionRule]:
        """All of its rules, for requests and for connections."""
        yield from self.http
        yield from self.tls
        yield from self.tcp

    @property
    def is_delegate(self) -> bool:
        """Whether it has no hosts of its own: its rules are for VirtualServices that delegate to it."""
        return not self.hosts
