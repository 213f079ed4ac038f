"""What changes proxies beyond what is read of it: where it acts by its own words, not what it does.

EnvoyFilter, WasmPlugin, TrafficExtension, ProxyConfig. A match that isn't read here counts as fitting
[istio/istio: pilot/pkg/networking/core/envoyfilter; pilot/pkg/model/extensions.go].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api import GROUP
from harness.api.istio.envoy_filter import EnvoyFilter
from harness.api.istio.extensions import ProxyConfig, TrafficExtension, WasmPlugin
from harness.base.resources import per_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.api.gateway_api.reference import ObjectRef
    from harness.api.istio.envoy_filter import ConfigPatch
    from harness.api.istio.extensions import Extension
    from harness.base.resources import Resource

KINDS = (EnvoyFilter.KIND, WasmPlugin.KIND, TrafficExtension.KIND, ProxyConfig.KIND)

INBOUND, OUTBOUND, GATEWAY = "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"
_EVERYWHERE = frozenset((INBOUND, OUTBOUND, GATEWAY))
_MODES = {"CLIENT": frozenset((OUTBOUND, GATEWAY)), "SERVER": frozenset((INBOUND,))}

_VIRTUAL = (15001, 15006)
"""The ports of the listeners that every connection comes through."""

_NAMED = {"virtualInbound": INBOUND, "virtualOutbound": OUTBOUND}
"""These listeners' names."""

_NO_HOSTS = ("allow_any", "block_all", "blackhole")
"""Virtual hosts for what no host is known for."""

_CONFIGURATION = "EXTENSION_CONFIG"
"""What does nothing but where something else that is changed refers to it."""

_OWN_CLUSTERS = ("agent", "prometheus_stats", "sds-grpc", "xds-grpc", "zipkin")
"""Names that Istio gives to clusters, beside those with `|` or `Cluster` in them."""

_NO_PORTS: frozenset[int] = frozenset()


class Level(Enum):
    """What of a proxy is changed: all of it, listeners, what they do with HTTP, routes, clusters."""

    PROXY = "proxy"
    LISTENER = "listener"
    HTTP = "http"
    ROUTE = "route"
    CLUSTER = "cluster"


_LEVELS = {
    "LISTENER": Level.LISTENER,
    "FILTER_CHAIN": Level.LISTENER,
    "LISTENER_FILTER": Level.LISTENER,
    "NETWORK_FILTER": Level.LISTENER,
    "HTTP_FILTER": Level.HTTP,
    "ROUTE_CONFIGURATION": Level.ROUTE,
    "VIRTUAL_HOST": Level.ROUTE,
    "HTTP_ROUTE": Level.ROUTE,
    "CLUSTER": Level.CLUSTER,
}


@dataclass(frozen=True)
class Change:
    """A change by a field of an object, and what it is for: of what is empty any.

    `labels` are wanted of pods, `gateways` those of the Gateway API that it targets (None: it targets
    nothing). `host` is a virtual host's, or a cluster's service.
    """

    resource: Resource
    field: str
    labels: Mapping[str, str]
    gateways: frozenset[str] | None
    level: Level = Level.PROXY
    contexts: frozenset[str] = _EVERYWHERE
    ports: frozenset[int] = _NO_PORTS
    host: str = ""
    subset: str = ""

    def is_at(self, context: str, ports: frozenset[int]) -> bool:
        """Returns whether it is for a context, and for one of these ports (none: nobody knows which)."""
        return context in self.contexts and not (self.ports and ports and self.ports.isdisjoint(ports))


@per_object
def changes(resource: Resource) -> tuple[Change, ...]:
    """Returns all that an object of such a kind changes."""
    kind = (resource.group, resource.kind)
    if kind == EnvoyFilter.KIND:
        return tuple(_patches(EnvoyFilter.kept(resource)))
    if kind == WasmPlugin.KIND:
        plugin = WasmPlugin.kept(resource)
        return tuple(_plugged(plugin, plugin.plugin_type))
    if kind == TrafficExtension.KIND:
        extension = TrafficExtension.kept(resource)
        return tuple(_plugged(extension, extension.wasm.plugin_type))
    config = ProxyConfig.kept(resource)
    path = "spec.environmentVariables"  # all else of it is no traffic's: how many threads, which image
    return (Change(resource, path, config.selector.match_labels, None),) if config.environment else ()


def _plugged(extension: Extension, kind: str) -> Iterator[Change]:
    """What runs for HTTP, or for all bytes, by the selectors of traffic of which one must fit."""
    level = Level.LISTENER if kind == "NETWORK" else Level.HTTP
    gateways = _gateways(extension.targets)
    if not extension.match:
        yield Change(extension.resource, "", extension.labels, gateways, level)
    for match in extension.match:
        ports = frozenset(port.number for port in match.ports)
        contexts = _MODES.get(match.mode, _EVERYWHERE)
        yield Change(extension.resource, match.path, extension.labels, gateways, level, contexts, ports)


def _gateways(targets: Iterable[ObjectRef]) -> frozenset[str] | None:
    """The Gateways that are targets: those of other kinds are waypoints'."""
    listed = tuple(targets)
    named = (target.name for target in listed if (target.group, target.kind) == (GROUP, "Gateway"))
    return frozenset(named) if listed else None


def _patches(spec: EnvoyFilter) -> Iterator[Change]:
    gateways = _gateways(spec.targets)
    for patch in spec.patches:
        context, level = patch.match.context, _LEVELS.get(patch.apply_to, Level.PROXY)
        contexts = _EVERYWHERE if context == "ANY" else frozenset((context,))
        change = Change(spec.resource, patch.path, spec.labels, gateways, level, contexts)
        if level in (Level.LISTENER, Level.HTTP):
            yield _of_listener(change, patch)
        elif level is Level.ROUTE:
            yield _of_route(change, patch)
        elif level is Level.CLUSTER:
            yield from _of_cluster(change, patch)
        elif patch.apply_to != _CONFIGURATION:
            yield change


def _of_listener(change: Change, patch: ConfigPatch) -> Change:
    """The change for the listeners that are matched; one that is added may take any side's connections."""
    match = patch.match.listener
    if patch.apply_to == "LISTENER" and patch.patch.operation == "ADD":
        contexts = change.contexts if change.contexts == {GATEWAY} else _EVERYWHERE
        port = _port_of(patch.patch.value.address)
        return replace(change, contexts=contexts, ports=_ports(port))
    if match.name in _NAMED:
        return replace(change, contexts=change.contexts & {_NAMED[match.name]})
    added = patch.apply_to == "FILTER_CHAIN" and patch.patch.operation == "ADD"
    if (added or patch.apply_to == "LISTENER_FILTER") and change.contexts != {GATEWAY}:
        return change  # it stands in the listeners that all come through, whatever port is named
    written = match.name.rpartition("_")[2]
    named = int(written) if written.isdigit() else 0
    return replace(change, ports=_ports(match.port_number or match.filter_chain.destination_port or named))


def _of_route(change: Change, patch: ConfigPatch) -> Change:
    """The change for the virtual host that is matched, unless it may take the requests for others, too."""
    match, value = patch.match.route_configuration, patch.patch.value
    host, _, port = match.virtual_host.name.rpartition(":")
    change = replace(change, ports=_ports(match.port_number))
    if not port.isdigit() or host in _NO_HOSTS or change.contexts == {INBOUND}:
        return change
    change = replace(change, contexts=change.contexts - {INBOUND})  # whose virtual hosts have other names
    taking = patch.apply_to == "VIRTUAL_HOST" and (
        patch.patch.operation in ("ADD", "REPLACE") or value.domains
    )
    whole = patch.apply_to == "ROUTE_CONFIGURATION" or taking
    return change if whole else replace(change, host=host)


def _of_cluster(change: Change, patch: ConfigPatch) -> Iterator[Change]:
    """The change for the cluster that is matched; one that is added nobody uses, unless by Istio's names."""
    match, value = patch.match.cluster, patch.patch.value
    if patch.patch.operation == "ADD":
        if not value.name or _is_own(value.name):
            yield replace(change, contexts=_EVERYWHERE)
        return
    if value.name:  # it may become another one
        yield change
        return
    if not match.name:
        yield replace(change, ports=_ports(match.port_number), host=match.service, subset=match.subset)
        return
    direction, *rest = match.name.split("|")
    if direction == "outbound" and len(rest) == 3 and rest[0].isdigit():
        port, subset, host = rest
        contexts = change.contexts - {INBOUND}
        yield replace(change, contexts=contexts, ports=_ports(int(port)), host=host, subset=subset)
        return
    yield change


def _is_own(name: str) -> bool:
    """Whether a cluster's name is one of those that Istio gives."""
    return "|" in name or "Cluster" in name or name in _OWN_CLUSTERS


def _port_of(address: Any) -> int:
    """The port of an address of Envoy's, in either spelling; 0 if it has none."""
    for names in (("socketAddress", "socket_address"), ("portValue", "port_value")):
        address = next(
            (address[name] for name in names if isinstance(address, dict) and name in address), None
        )
    return address if isinstance(address, int) else 0


def _ports(number: int) -> frozenset[int]:
    return frozenset((number,)) if number and number not in _VIRTUAL else _NO_PORTS
