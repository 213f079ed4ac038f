"""EnvoyFilter: changes of the proxies' configuration, as far as their form tells [Istio: networking]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from harness.api import field
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


class ListenerMatch(Node):
    """A listener, perhaps one of its chains."""

    filter_chain = field.node("filterChain", FilterChainMatch)


class ProxyMatch(Node):
    """Proxies of a version."""

    version = field.text("proxyVersion")


class PatchMatch(Node):
    """Where a patch is applied."""

    proxy = field.node("proxy", ProxyMatch)
    listener = field.node("listener", ListenerMatch)


class EnvoyPatch(Node):
    """What is done there."""

    operation = field.text("operation")
    value = field.node("value", NamedPart)


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
    patches = field.nodes("configPatches", ConfigPatch)
    priority = field.count("priority")


IGNORED: Mapping[str, tuple[str, ...]] = {
    "ADD": ("ROUTE_CONFIGURATION", "HTTP_ROUTE"),
    "REMOVE": ("ROUTE_CONFIGURATION", "HTTP_ROUTE"),
}
"""What an operation does nothing to."""

REPLACEABLE = ("NETWORK_FILTER", "HTTP_FILTER", "VIRTUAL_HOST")
"""What REPLACE is for alone."""

RELATIVE = ("REMOVE", "REPLACE", "INSERT_BEFORE", "INSERT_AFTER")
"""Operations that depend on what other patches left there."""
