"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.api.istio import virtual_service_validation
from harness.api.istio.destination_rule import DestinationRule, PortTrafficPolicy
from harness.api.istio.gateway import BYTES, HTTP, TLS, IstioGateway
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.api.istio.security import validation as security_validation
from harness.api.refusal import Refused
from harness.base.errors import not_modelled
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from harness.api.istio.destination_rule import TrafficPolicy
    from harness.api.istio.gateway import Server, ServerTLSSettings
    from harness.api.istio.registry import EntryEndpoint, ServiceEntryPort
    from harness.base.resources import Resource

WEBHOOK = "validation.istio.io"

_BY_NAME = frozenset(("http", "http2", "grpc", "grpc-web", "https", "tls"))
_OLD_TLS = ("TLSV1_0", "TLSV1_1")
_NOT_WITH_ISTIO = {
    "serverCertificate": "server certificate",
    "privateKey": "private key",
    "caCertificates": "CA bundle",
    "tlsCertificates": "tlsCertificates",
    "credentialName": "credentialName",
    "credentialNames": "credentialNames",
}


def _gateway(resource: Resource) -> Iterator[str]:
    servers = IstioGateway.of(resource).servers
    if not servers:
        yield "gateway must have at least one server"
    for server in servers:
        yield from _server(server)
    for name, times in Counter(server.port.name for server in servers).items():
        for _ in range(times - 1):
            yield f"port names in servers must be unique: duplicate name {name}"


def _server(server: Server) -> Iterator[str]:
    port, tls, has_tls, protocol = server.port, server.tls, server.has("tls"), server.protocol
    if not server.hosts:
        yield "server config must contain at least one host"
    if protocol not in (*HTTP, *TLS, *BYTES):
        yield (
            f'invalid protocol "{port.protocol}", supported protocols are '
            "HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"
        )
        return
    if port.target_port:
        yield "targetPort has no impact on Gateways"
    if has_tls:
        yield from _tls_options(tls)
    if protocol in TLS and not has_tls:
        yield "server must have TLS settings for HTTPS/TLS protocols"
    elif protocol in HTTP and has_tls:
        own = tls.ca_certificates or tls.private_key or tls.server_certificate
        if own or tls.effective_mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
            yield "server cannot have TLS settings for plain text HTTP ports"
    elif protocol in BYTES and has_tls:
        yield "server cannot have TLS settings for non HTTPS/TLS ports"


def _tls_options(tls: ServerTLSSettings) -> Iterator[str]:
    mode = tls.effective_mode
    if mode == "ISTIO_MUTUAL":
        for key, words in _NOT_WITH_ISTIO.items():
            if tls.data.get(key):
                yield f"ISTIO_MUTUAL TLS cannot have associated {words}"
        return
    files = bool(tls.server_certificate and tls.private_key)
    sources = [files, *map(bool, (tls.credential_name, tls.credential_names, tls.tls_certificates))]
    if sum(sources) > 1:
        yield (
            "only one of credential_name, credential_names, server_certificate/private_key, "
            "tls_certificates should be specified"
        )
    if mode not in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") or sources[1] or sources[2]:
        return
    prefix = "SIMPLE TLS" if mode == "SIMPLE" else "MUTUAL TLS"
    if mode != "SIMPLE" and not tls.ca_certificates:
        yield f"{prefix} requires a client CA bundle"
    for certificate in tls.tls_certificates or (tls,):
        if not certificate.server_certificate:
            yield f"{prefix} requires a server certificate"
        if not certificate.private_key:
            yield f"{prefix} requires a private key"


def _refuse(resource: Resource) -> None:
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
        case "Gateway":
            for server in IstioGateway.of(resource).servers:
                if server.tls.max_protocol_version in _OLD_TLS:
                    field = server.tls.at("maxProtocolVersion")
                    raise not_modelled(resource, field, "clients of today refuse such versions")
        case "DestinationRule":
            for policy in DestinationRule.of(resource).policies:
                http = policy.connection_pool.http if policy.connection_pool else None
                if http and http.h2_upgrade_policy == "UPGRADE":
                    why = "whether the application speaks HTTP/2 isn't known"
                    raise not_modelled(resource, http.at("h2UpgradePolicy"), why)


def _refuse_socket(endpoint: EntryEndpoint) -> None:
    if endpoint.address.startswith("unix://"):
        raise not_modelled(endpoint.resource, endpoint.at("address"), "a socket in the client's own pod")


def _service_entry(resource: Resource) -> Iterator[str]:
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


def _workload_entry(resource: Resource) -> Iterator[str]:
    if not WorkloadEntry.of(resource).address:
        yield "address is required"


def _sidecar(resource: Resource) -> Iterator[str]:
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


def _destination_rule(resource: Resource) -> Iterator[str]:
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


_FAULTS = {
    "ServiceEntry": _service_entry,
    "WorkloadEntry": _workload_entry,
    "Sidecar": _sidecar,
    "DestinationRule": _destination_rule,
    "VirtualService": virtual_service_validation.faults,
    "Gateway": _gateway,
    "PeerAuthentication": security_validation.peer_authentication,
    "RequestAuthentication": security_validation.request_authentication,
    "AuthorizationPolicy": security_validation.authorization_policy,
}


def validate(resource: Resource) -> None:
    """Raises Refused with all that the webhook finds wrong with the object."""
    security_validation.check_schema(resource)
    _refuse(resource)
    faults = _FAULTS.get(resource.kind)
    refusals = list(faults(resource)) if faults else []
    if refusals:
        raise Refused.by_webhook(resource, WEBHOOK, f"configuration is invalid: {_joined(refusals)}")


def _joined(faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} errors occurred:\n" + "".join(f"\t* {fault}\n" for fault in faults) + "\n"
