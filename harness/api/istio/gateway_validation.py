"""What Istio's webhook refuses of Gateways, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.api.istio.gateway import BYTES, HTTP, TLS, IstioGateway
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.gateway import Server, ServerTLSSettings
    from harness.base.resources import Resource

_OLD_TLS = ("TLSV1_0", "TLSV1_1")
_NOT_WITH_ISTIO = {
    "serverCertificate": "server certificate",
    "privateKey": "private key",
    "caCertificates": "CA bundle",
    "tlsCertificates": "tlsCertificates",
    "credentialName": "credentialName",
    "credentialNames": "credentialNames",
}


def faults(resource: Resource) -> Iterator[str]:
    """Yields what is wrong with a Gateway.

    Raises NotModelledError for what a cluster would take of it and the model doesn't decide on.
    """
    servers = IstioGateway.of(resource).servers
    for server in servers:
        if server.tls.max_protocol_version in _OLD_TLS:
            field = server.tls.at("maxProtocolVersion")
            raise not_modelled(resource, field, "clients of today refuse such versions")
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
    given = [files, *map(bool, (tls.credential_name, tls.credential_names, tls.tls_certificates))]
    if sum(given) > 1:
        yield (
            "only one of credential_name, credential_names, server_certificate/private_key, "
            "tls_certificates should be specified"
        )
    if mode not in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") or given[1] or given[2]:
        return
    prefix = "SIMPLE TLS" if mode == "SIMPLE" else "MUTUAL TLS"
    if mode != "SIMPLE" and not tls.ca_certificates:
        yield f"{prefix} requires a client CA bundle"
    for certificate in tls.tls_certificates or (tls,):
        if not certificate.server_certificate:
            yield f"{prefix} requires a server certificate"
        if not certificate.private_key:
            yield f"{prefix} requires a private key"
