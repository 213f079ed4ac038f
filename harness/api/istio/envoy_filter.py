"""EnvoyFilter: where proxies' configuration is changed, not what that does [Istio: networking]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.api import field
from harness.api.gateway_api.reference import ObjectRef
from harness.api.istio.registry import WorkloadSelector
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Mapping


class NamedPart(Node):
    """A part of Envoy's configuration, by its name."""

    name = field.text("name")


class FilterChainMatch(Node):
    """A chain of filters, perhaps one of them."""

    filter = field.node("filter", NamedPart)
    destination_port = field.count("destinationPort")


class ListenerMatch(NamedPart):
    """A listener, perhaps one of its chains."""

    port_number = field.count("portNumber")
    filter_chain = field.node("filterChain", FilterChainMatch)


class VirtualHostMatch(NamedPart):
    """A virtual host, by its name (`host:port`) or one of its domains."""

    domain_name = field.text("domainName")


class RouteConfigurationMatch(Node):
    """The routes of a port, perhaps those of one virtual host."""

    port_number = field.count("portNumber")
    virtual_host = field.node("vhost", VirtualHostMatch)


class ClusterMatch(NamedPart):
    """A cluster: by its name, or by the service, port and subset that it is for."""

    port_number = field.count("portNumber")
    service = field.text("service")
    subset = field.text("subset")


class ProxyMatch(Node):
    """Proxies of a version."""

    version = field.text("proxyVersion")


class PatchMatch(Node):
    """Where a patch is applied."""

    context = field.text("context", "ANY")
    proxy = field.node("proxy", ProxyMatch)
    listener = field.node("listener", ListenerMatch)
    route_configuration = field.node("routeConfiguration", RouteConfigurationMatch)
    cluster = field.node("cluster", ClusterMatch)


class EnvoyPart(NamedPart):
    """A part of Envoy's configuration: what of it tells which requests meet it."""

    address = field.raw("address")
    domains = field.raw("domains")


class EnvoyPatch(Node):
    """What is done there."""

    operation = field.text("operation")
    value = field.node("value", EnvoyPart)


class ConfigPatch(Node):
    """One change."""

    apply_to = field.text("applyTo")
    match = field.node("match", PatchMatch)
    patch = field.node("patch", EnvoyPatch)

    @property
    def target(self) -> str:
        """The name of the filter that it is about: the one that it brings, or else the one beside it."""
        return self.patch.value.name or self.match.listener.filter_chain.filter.name


class EnvoyFilter(Spec):
    """Patches of the proxies' configuration, those of a lower priority first."""

    KIND: ClassVar = ("networking.istio.io", "EnvoyFilter")

    selector = field.node("workloadSelector", WorkloadSelector)
    targets = field.nodes("targetRefs", ObjectRef)
    patches = field.nodes("configPatches", ConfigPatch)
    priority = field.count("priority")

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that it wants of pods."""
        return self.selector.labels


IGNORED: Mapping[str, tuple[str, ...]] = {
    "ADD": ("ROUTE_CONFIGURATION", "HTTP_ROUTE"),
    "REMOVE": ("ROUTE_CONFIGURATION", "HTTP_ROUTE"),
}
"""What an operation does nothing to."""

REPLACEABLE = ("NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST")
"""What REPLACE is for alone."""

RELATIVE = ("REMOVE", "REPLACE", "INSERT_BEFORE", "INSERT_AFTER")
"""Operations that depend on what other patches left there."""
