"""What Istio's webhook refuses of ServiceEntry, WorkloadEntry, Sidecar and DestinationRule, in its words.

[istio/istio: pkg/config/validation]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import Fields, spec_of
from harness.base.errors import not_modelled
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.base.resources import Resource

_UNIX = "unix://"
_BY_NAME = ("http", "http2", "grpc", "grpc-web", "https", "tls")


def refuse(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take and the model doesn't decide on."""
    spec = spec_of(resource)
    match resource.kind:
        case "ServiceEntry":
            if spec.get("resolution") == "DYNAMIC_DNS":
                why = "the proxy itself resolves the host that each request names"
                raise not_modelled(resource, "spec.resolution", why)
            for index, part in enumerate(spec.get("endpoints") or ()):
                _refuse_socket(resource, f"spec.endpoints[{index}].address", part)
        case "WorkloadEntry":
            _refuse_socket(resource, "spec.address", spec)
        case "Sidecar":
            for index, listener in enumerate(spec.get("egress") or ()):
                if listener.get("captureMode") == "NONE":
                    why = "such a listener takes what is sent to it, and no other connection"
                    raise not_modelled(resource, f"spec.egress[{index}].captureMode", why)
        case "DestinationRule":
            for field, policy in _policies(spec):
                http = (policy.get("connectionPool") or {}).get("http") or {}
                if http.get("h2UpgradePolicy") == "UPGRADE":
                    why = "whether the application speaks HTTP/2 isn't known"
                    raise not_modelled(resource, f"{field}.connectionPool.http.h2UpgradePolicy", why)


def _refuse_socket(resource: Resource, field: str, part: Fields) -> None:
    if str(part.get("address") or "").startswith(_UNIX):
        raise not_modelled(resource, field, "a socket in the client's own pod")


def _policies(spec: Fields) -> Iterator[tuple[str, Fields]]:
    """All traffic policies of a DestinationRule, those of single ports too."""
    levels = [("spec.trafficPolicy", spec.get("trafficPolicy") or {})]
    for index, subset in enumerate(spec.get("subsets") or ()):
        levels.append((f"spec.subsets[{index}].trafficPolicy", subset.get("trafficPolicy") or {}))
    for field, policy in levels:
        yield field, policy
        for index, part in enumerate(policy.get("portLevelSettings") or ()):
            yield f"{field}.portLevelSettings[{index}]", part


def _service_entry(spec: Fields) -> Iterator[str]:
    hosts, listed = spec.get("hosts") or [], spec.get("endpoints") or []
    resolution = spec.get("resolution") or "NONE"
    if spec.get("workloadSelector") is not None and listed:
        yield "only one of WorkloadSelector or Endpoints is allowed in Service Entry"
    if not hosts:
        yield "service entry must have at least one host"
    if "*" in hosts:
        yield "invalid host *"
    if resolution not in ("NONE", "STATIC") and any("/" in one for one in spec.get("addresses") or ()):
        yield "CIDR addresses are allowed only for NONE/STATIC resolution types"
    yield from _ports(spec.get("ports") or [], [port["name"] for port in spec.get("ports") or ()])
    if resolution == "NONE" and listed:
        yield "no endpoints should be provided for resolution type none"
    for part in listed:
        yield from _endpoint(part, {port["name"] for port in spec.get("ports") or ()}, resolution)
    if resolution.startswith("DNS") and not listed and any(host.startswith("*") for host in hosts):
        yield (
            "hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for "
            f"resolution mode {resolution}"
        )
    if resolution == "DNS_ROUND_ROBIN" and len(listed) > 1:
        yield "there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN"
    protocols = {str(port.get("protocol") or "").lower() for port in spec.get("ports") or ()}
    if resolution != "NONE" and len(hosts) > 1 and protocols - set(_BY_NAME):
        yield "multiple hosts provided with non-HTTP, non-TLS ports"
    yield from _export_to(spec)


def _ports(ports: list[Fields], names: list[str]) -> Iterator[str]:
    numbers = [port["number"] for port in ports]
    for index, port in enumerate(ports):
        if port["name"] in names[:index]:
            yield f'service entry port name "{port["name"]}" already defined'
        if port["number"] in numbers[:index]:
            yield f"service entry port {port['number']} already defined"


def _endpoint(part: Fields, ports: set[str], resolution: str) -> Iterator[str]:
    address = part.get("address") or ""
    if not address:
        yield "address is required"
    elif resolution == "STATIC" and not is_address(address):
        yield f'endpoint address "{address}" is not a valid IP address'
    for name, number in (part.get("ports") or {}).items():
        if name not in ports:
            yield f"endpoint port {number} is not defined by the service entry"


def _workload_entry(spec: Fields) -> Iterator[str]:
    if not spec.get("address"):
        yield "address is required"


def _sidecar(spec: Fields) -> Iterator[str]:
    if not any(
        key in spec for key in ("egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool")
    ):
        yield "sidecar: empty configuration provided"
    egress = spec.get("egress") or ()
    if len(egress) > 1:
        yield "sidecar: the egress listener with empty port should be the last listener in the list"
    for listener in egress:
        if not listener.get("hosts"):
            yield "sidecar: egress listener must contain at least one host"
        for host in listener.get("hosts") or ():
            if host.count("/") != 1 or not all(host.split("/")):
                yield f"host {host} must be of form namespace/dnsName"


def _destination_rule(spec: Fields) -> Iterator[str]:
    if not spec.get("host"):
        yield "destination rule must have a host"
    names = [subset.get("name") for subset in spec.get("subsets") or ()]
    for index, name in enumerate(names):
        if not name:
            yield "subset name is required"
        elif name in names[:index]:
            yield f"duplicate subset names: {name}"
    for field, policy in _policies(spec):
        yield from _traffic_policy(policy, for_port="portLevelSettings" in field)
    if spec.get("workloadSelector") is not None and set(spec.get("exportTo") or ".") != {"."}:
        yield "destination rule with workload selector cannot have exportTo beyond current namespace"
    yield from _export_to(spec)


def _traffic_policy(policy: Fields, *, for_port: bool) -> Iterator[str]:
    if for_port and "port" not in policy:
        yield "portTrafficPolicy must have valid port"
    if for_port and not set(policy) - {"port"}:
        yield "port traffic policy must have at least one field"
    outliers, tls = policy.get("outlierDetection") or {}, policy.get("tls") or {}
    if outliers.get("consecutiveLocalOriginFailures") and not outliers.get("splitExternalLocalOriginErrors"):
        yield (
            "outlier detection consecutive local origin failures is specified, but split external local "
            "origin errors is set to false"
        )
    if policy.get("connectionPool") == {}:
        yield "connection pool must have at least one field"
    if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
        for key, word in (("clientCertificate", "client certificate"), ("privateKey", "private key")):
            if not tls.get(key):
                yield f"{word} required for mutual tls"


def _export_to(spec: Fields) -> Iterator[str]:
    exported = spec.get("exportTo") or []
    for index, one in enumerate(exported):
        if one in exported[:index]:
            yield f"duplicate entries in exportTo for entry {one}"


FAULTS: dict[str, Callable[[Fields], Iterator[str]]] = {
    "ServiceEntry": _service_entry,
    "WorkloadEntry": _workload_entry,
    "Sidecar": _sidecar,
    "DestinationRule": _destination_rule,
}
"""By kind: what yields each fault of a spec, in the webhook's words."""
