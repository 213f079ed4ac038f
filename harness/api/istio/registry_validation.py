"""What Istio's webhook refuses of ServiceEntry, WorkloadEntry, Sidecar and DestinationRule, in its words.

[istio/istio: pkg/config/validation]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.destination_rule import DestinationRule, PortTrafficPolicy
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.base.errors import not_modelled
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from harness.api.istio.destination_rule import TrafficPolicy
    from harness.api.istio.registry import EntryEndpoint, ServiceEntryPort
    from harness.base.resources import Resource

_BY_NAME = frozenset(("http", "http2", "grpc", "grpc-web", "https", "tls"))


def refuse(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take and the model doesn't decide on."""
    match resource.kind:
        case "ServiceEntry":
            entry = ServiceEntry.of(resource)
            if entry.resolution == "DYNAMIC_DNS":
                why = "the proxy itself resolves the host that each request names"
                raise not_modelled(resource, entry.at("resolution"), why)
            for endpoint in entry.endpoints:
                _refuse_socket(endpoint)
        case "WorkloadEntry":
            _refuse_socket(WorkloadEntry.of(resource))
        case "Sidecar":
            for listener in Sidecar.of(resource).egress:
                if listener.capture_mode == "NONE":
                    why = "such a listener takes what is sent to it, and no other connection"
                    raise not_modelled(resource, listener.at("captureMode"), why)
        case "DestinationRule":
            for policy in DestinationRule.of(resource).policies:
                http = policy.connection_pool.http if policy.connection_pool else None
                if http and http.h2_upgrade_policy == "UPGRADE":
                    why = "whether the application speaks HTTP/2 isn't known"
                    raise not_modelled(resource, http.at("h2UpgradePolicy"), why)


def _refuse_socket(endpoint: EntryEndpoint) -> None:
    if endpoint.address.startswith("unix://"):
        raise not_modelled(endpoint.resource, endpoint.at("address"), "a socket in the client's own pod")


def service_entry(resource: Resource) -> Iterator[str]:
    """Yields each fault of a ServiceEntry, in the webhook's words."""
    entry = ServiceEntry.of(resource)
    hosts, listed, resolution = entry.hosts, entry.endpoints, entry.resolution
    if entry.workload_selector is not None and listed:
        yield "only one of WorkloadSelector or Endpoints is allowed in Service Entry"
    if not hosts:
        yield "service entry must have at least one host"
    if "*" in hosts:
        yield "invalid host *"
    if resolution not in ("NONE", "STATIC") and any("/" in address for address in entry.addresses):
        yield "CIDR addresses are allowed only for NONE/STATIC resolution types"
    yield from _ports(entry.ports)
    if resolution == "NONE" and listed:
        yield "no endpoints should be provided for resolution type none"
    for endpoint in listed:
        yield from _endpoint(endpoint, {port.name for port in entry.ports}, resolution)
    if resolution.startswith("DNS") and not listed and any(host.startswith("*") for host in hosts):
        yield (
            "hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for "
            f"resolution mode {resolution}"
        )
    if resolution == "DNS_ROUND_ROBIN" and len(listed) > 1:
        yield "there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN"
    protocols = {port.protocol.lower() for port in entry.ports}
    if resolution != "NONE" and len(hosts) > 1 and protocols - _BY_NAME:
        yield "multiple hosts provided with non-HTTP, non-TLS ports"
    yield from _export_to(entry.export_to)


def _ports(ports: tuple[ServiceEntryPort, ...]) -> Iterator[str]:
    for index, port in enumerate(ports):
        if any(port.name == other.name for other in ports[:index]):
            yield f'service entry port name "{port.name}" already defined'
        if any(port.number == other.number for other in ports[:index]):
            yield f"service entry port {port.number} already defined"


def _endpoint(endpoint: EntryEndpoint, ports: Collection[str], resolution: str) -> Iterator[str]:
    address = endpoint.address
    if not address:
        yield "address is required"
    elif resolution == "STATIC" and not is_address(address):
        yield f'endpoint address "{address}" is not a valid IP address'
    for name, number in endpoint.ports.items():
        if name not in ports:
            yield f"endpoint port {number} is not defined by the service entry"


def workload_entry(resource: Resource) -> Iterator[str]:
    """Yields each fault of a WorkloadEntry."""
    if not WorkloadEntry.of(resource).address:
        yield "address is required"


def sidecar(resource: Resource) -> Iterator[str]:
    """Yields each fault of a Sidecar."""
    spec = Sidecar.of(resource)
    if not spec.data.keys() & {"egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool"}:
        yield "sidecar: empty configuration provided"
    if len(spec.egress) > 1:
        yield "sidecar: the egress listener with empty port should be the last listener in the list"
    for listener in spec.egress:
        if not listener.hosts:
            yield "sidecar: egress listener must contain at least one host"
        for host in listener.hosts:
            if host.count("/") != 1 or not all(host.split("/")):
                yield f"host {host} must be of form namespace/dnsName"


def destination_rule(resource: Resource) -> Iterator[str]:
    """Yields each fault of a DestinationRule."""
    rule = DestinationRule.of(resource)
    if not rule.host:
        yield "destination rule must have a host"
    names = [subset.name for subset in rule.subsets]
    for index, name in enumerate(names):
        if not name:
            yield "subset name is required"
        elif name in names[:index]:
            yield f"duplicate subset names: {name}"
    for policy in rule.policies:
        yield from _traffic_policy(policy)
    if rule.workload_selector is not None and set(rule.export_to or ".") != {"."}:
        yield "destination rule with workload selector cannot have exportTo beyond current namespace"
    yield from _export_to(rule.export_to)


def _traffic_policy(policy: TrafficPolicy | PortTrafficPolicy) -> Iterator[str]:
    if isinstance(policy, PortTrafficPolicy):
        if not policy.has("port"):
            yield "portTrafficPolicy must have valid port"
        if not policy.data.keys() - {"port"}:
            yield "port traffic policy must have at least one field"
    outliers, tls = policy.outlier_detection, policy.tls
    if outliers and outliers.local_origin_failures and not outliers.splits_local_errors:
        yield (
            "outlier detection consecutive local origin failures is specified, but split external local "
            "origin errors is set to false"
        )
    if policy.connection_pool is not None and not policy.connection_pool:
        yield "connection pool must have at least one field"
    if tls and tls.mode == "MUTUAL" and not tls.credential_name:
        if not tls.client_certificate:
            yield "client certificate required for mutual tls"
        if not tls.private_key:
            yield "private key required for mutual tls"


def _export_to(exported: tuple[str, ...]) -> Iterator[str]:
    for index, name in enumerate(exported):
        if name in exported[:index]:
            yield f"duplicate entries in exportTo for entry {name}"
