"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.api.istio import virtual_service_validation
from harness.api.istio.destination_rule import DestinationRule, PortTrafficPolicy
from harness.api.istio.gateway import BYTES, HTTP, TLS, IstioGateway
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.api.istio.security import validation as security_validation
from harness.api.refusal import Fault, Refused, about
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
    gateway = IstioGateway.of(resource)
    if not gateway.servers:
        yield Fault("gateway must have at least one server", gateway.at("servers"))
    for server in gateway.servers:
        yield from about(server.path, _server(server))
    ports = [server.port for server in gateway.servers]
    for name, times in Counter(port.name for port in ports).items():
        for port in [port for port in ports if port.name == name][1:] if times > 1 else ():
            yield Fault(f"port names in servers must be unique: duplicate name {name}", port.at("name"))


def _server(server: Server) -> Iterator[str]:
    port, tls, has_tls, protocol = server.port, server.tls, server.has("tls"), server.protocol
    if not server.hosts:
        yield Fault("server config must contain at least one host", server.at("hosts"))
    if protocol not in (*HTTP, *TLS, *BYTES):
        yield Fault(
            f'invalid protocol "{port.protocol}", supported protocols are '
            "HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP",
            port.at("protocol"),
        )
        return
    if port.target_port:
        yield Fault("targetPort has no impact on Gateways", port.at("targetPort"))
    if has_tls:
        yield from about(tls.path, _tls_options(tls))
    if protocol in TLS and not has_tls:
        yield "server must have TLS settings for HTTPS/TLS protocols"
    elif protocol in HTTP and has_tls:
        own = tls.ca_certificates or tls.private_key or tls.server_certificate
        if own or tls.effective_mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
            yield Fault("server cannot have TLS settings for plain text HTTP ports", tls.path)
    elif protocol in BYTES and has_tls:
        yield Fault("server cannot have TLS settings for non HTTPS/TLS ports", tls.path)


def _tls_options(tls: ServerTLSSettings) -> Iterator[str]:
    mode = tls.effective_mode
    if mode == "ISTIO_MUTUAL":
        for key, words in _NOT_WITH_ISTIO.items():
            if tls.data.get(key):
                yield Fault(f"ISTIO_MUTUAL TLS cannot have associated {words}", tls.at(key))
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
            yield Fault(f"{prefix} requires a server certificate", certificate.path)
        if not certificate.private_key:
            yield Fault(f"{prefix} requires a private key", certificate.path)


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
        words = "only one of WorkloadSelector or Endpoints is allowed in Service Entry"
        yield Fault(words, entry.at("workloadSelector"))
    if not hosts:
        yield Fault("service entry must have at least one host", entry.at("hosts"))
    if "*" in hosts:
        yield Fault("invalid host *", entry.entry("hosts", hosts.index("*")))
    if resolution not in ("NONE", "STATIC") and any("/" in address for address in entry.addresses):
        words = "CIDR addresses are allowed only for NONE/STATIC resolution types"
        yield Fault(words, entry.at("addresses"))
    yield from _ports(entry.ports)
    if resolution == "NONE" and listed:
        yield Fault("no endpoints should be provided for resolution type none", entry.at("endpoints"))
    for endpoint in listed:
        yield from about(endpoint.path, _endpoint(endpoint, {port.name for port in entry.ports}, resolution))
    if resolution.startswith("DNS") and not listed and any(host.startswith("*") for host in hosts):
        yield Fault(
            "hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for "
            f"resolution mode {resolution}",
            entry.at("hosts"),
        )
    if resolution == "DNS_ROUND_ROBIN" and len(listed) > 1:
        words = "there must only be 0 or 1 endpoint for resolution mode DNS_ROUND_ROBIN"
        yield Fault(words, listed[1].path)
    protocols = {port.protocol.lower() for port in entry.ports}
    if resolution != "NONE" and len(hosts) > 1 and protocols - _BY_NAME:
        yield Fault("multiple hosts provided with non-HTTP, non-TLS ports", entry.at("hosts"))
    yield from _export_to(entry)


def _ports(ports: tuple[ServiceEntryPort, ...]) -> Iterator[str]:
    for index, port in enumerate(ports):
        if any(port.name == other.name for other in ports[:index]):
            yield Fault(f'service entry port name "{port.name}" already defined', port.at("name"))
        if any(port.number == other.number for other in ports[:index]):
            yield Fault(f"service entry port {port.number} already defined", port.at("number"))


def _endpoint(endpoint: EntryEndpoint, ports: Collection[str], resolution: str) -> Iterator[str]:
    address = endpoint.address
    if not address:
        yield Fault("address is required", endpoint.at("address"))
    elif resolution == "STATIC" and not is_address(address):
        yield Fault(f'endpoint address "{address}" is not a valid IP address', endpoint.at("address"))
    for name, number in endpoint.ports.items():
        if name not in ports:
            words = f"endpoint port {number} is not defined by the service entry"
            yield Fault(words, f"{endpoint.at('ports')}.{name}")


def _workload_entry(resource: Resource) -> Iterator[str]:
    entry = WorkloadEntry.of(resource)
    if not entry.address:
        yield Fault("address is required", entry.at("address"))


def _sidecar(resource: Resource) -> Iterator[str]:
    spec = Sidecar.of(resource)
    if not spec.data.keys() & {"egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool"}:
        yield "sidecar: empty configuration provided"
    if len(spec.egress) > 1:
        words = "sidecar: the egress listener with empty port should be the last listener in the list"
        yield Fault(words, spec.egress[0].path)
    for listener in spec.egress:
        if not listener.hosts:
            yield Fault("sidecar: egress listener must contain at least one host", listener.at("hosts"))
        for index, host in enumerate(listener.hosts):
            if host.count("/") != 1 or not all(host.split("/")):
                yield Fault(f"host {host} must be of form namespace/dnsName", listener.entry("hosts", index))


def _destination_rule(resource: Resource) -> Iterator[str]:
    rule = DestinationRule.of(resource)
    if not rule.host:
        yield Fault("destination rule must have a host", rule.at("host"))
    names = [subset.name for subset in rule.subsets]
    for index, subset in enumerate(rule.subsets):
        if not subset.name:
            yield Fault("subset name is required", subset.at("name"))
        elif subset.name in names[:index]:
            yield Fault(f"duplicate subset names: {subset.name}", subset.at("name"))
    for policy in rule.policies:
        yield from about(policy.path, _traffic_policy(policy))
    if rule.workload_selector is not None and set(rule.export_to or ".") != {"."}:
        words = "destination rule with workload selector cannot have exportTo beyond current namespace"
        yield Fault(words, rule.at("exportTo"))
    yield from _export_to(rule)


def _traffic_policy(policy: TrafficPolicy | PortTrafficPolicy) -> Iterator[str]:
    if isinstance(policy, PortTrafficPolicy):
        if not policy.has("port"):
            yield "portTrafficPolicy must have valid port"
        if not policy.data.keys() - {"port"}:
            yield "port traffic policy must have at least one field"
    outliers, tls = policy.outlier_detection, policy.tls
    if outliers and outliers.local_origin_failures and not outliers.splits_local_errors:
        yield Fault(
            "outlier detection consecutive local origin failures is specified, but split external local "
            "origin errors is set to false",
            outliers.at("consecutiveLocalOriginFailures"),
        )
    if policy.connection_pool is not None and not policy.connection_pool:
        yield Fault("connection pool must have at least one field", policy.connection_pool.path)
    if tls and tls.mode == "MUTUAL" and not tls.credential_name:
        if not tls.client_certificate:
            yield Fault("client certificate required for mutual tls", tls.path)
        if not tls.private_key:
            yield Fault("private key required for mutual tls", tls.path)


def _export_to(spec: ServiceEntry | DestinationRule) -> Iterator[str]:
    for index, name in enumerate(spec.export_to):
        if name in spec.export_to[:index]:
            yield Fault(f"duplicate entries in exportTo for entry {name}", spec.entry("exportTo", index))


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
    find = _FAULTS.get(resource.kind)
    faults = list(about("spec", find(resource))) if find else []
    if faults:
        words = f"configuration is invalid: {_joined(faults)}"
        raise Refused.by_webhook(resource, WEBHOOK, words, faults[0].path)


def _joined(faults: list[Fault]) -> str:
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} errors occurred:\n" + "".join(f"\t* {fault}\n" for fault in faults) + "\n"
