"""What Istio's webhook refuses of Gateways, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.admission import forms
from harness.api.istio.gateway import BYTES, HTTP, TLS, IstioGateway, Server, ServerTLSSettings
from harness.api.refusal import OBJECT, Fault, about, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.refusal import Rules

_NOT_WITH_ISTIO = {
    "serverCertificate": "server certificate",
    "privateKey": "private key",
    "caCertificates": "CA bundle",
    "tlsCertificates": "tlsCertificates",
    "credentialName": "credentialName",
    "credentialNames": "credentialNames",
}


def _gateway(gateway: IstioGateway) -> Iterator[str]:
    if not forms.is_label(gateway.resource.name):
        yield Fault(f'invalid gateway name: "{gateway.resource.name}"', "metadata.name")
    if not gateway.servers:
        yield Fault("gateway must have at least one server", gateway.at("servers"))
    names = [server.port.name for server in gateway.servers]
    for index, name in enumerate(names):
        if name in names[:index]:
            words = f"port names in servers must be unique: duplicate name {name}"
            yield Fault(words, gateway.servers[index].port.at("name"))


def _server(server: Server) -> Iterator[str]:
    if not server.hosts:
        yield Fault("server config must contain at least one host", server.at("hosts"))
    for index, host in enumerate(server.hosts):
        yield from about(server.entry("hosts", index), forms.scoped_host(host, gateway=True))
    yield from _port(server)
    yield from about(server.at("bind"), _bind(server))
    yield from _plain_ports(server)


def _port(server: Server) -> Iterator[str]:
    port = server.port
    if server.protocol not in (*HTTP, *TLS, *BYTES, "UDP"):
        yield Fault(
            f'invalid protocol "{port.protocol}", supported protocols are '
            "HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP",
            port.at("protocol"),
        )
    if port.number or not server.bind.startswith(forms.UNIX):
        yield from (Fault(words, port.at("number")) for words in (forms.port(port.number or 0),) if words)
    if port.target_port:
        yield Fault("targetPort has no impact on Gateways", port.at("targetPort"))
    if not port.name:
        yield Fault("port name must be set", port.at("name"))


def _bind(server: Server) -> Iterator[str]:
    socket = server.bind.startswith(forms.UNIX)
    if socket and server.port.number:
        yield "port number must be 0 for unix domain socket"
    if words := forms.socket(server.bind) if socket else server.bind and forms.address(server.bind):
        yield words


def _plain_ports(server: Server) -> Iterator[str]:
    tls, has_tls, protocol = server.tls, server.has("tls"), server.protocol
    if protocol in TLS and not has_tls:
        yield "server must have TLS settings for HTTPS/TLS protocols"
    elif protocol in HTTP and has_tls:
        own = tls.ca_certificates or tls.private_key or tls.server_certificate
        if own or tls.effective_mode not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
            yield Fault("server cannot have TLS settings for plain text HTTP ports", tls.path)
    elif protocol in (*BYTES, "UDP") and has_tls:
        yield Fault("server cannot have TLS settings for non HTTPS/TLS ports", tls.path)


def tls_faults(tls: ServerTLSSettings) -> Iterator[str]:
    """Yields what is wrong with how a server ends TLS."""
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
    ends = mode in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
    if ends and (sources[1] or sources[2]):
        return
    prefix = "SIMPLE TLS" if mode == "SIMPLE" else "MUTUAL TLS"
    if ends and mode != "SIMPLE" and not tls.ca_certificates:
        yield f"{prefix} requires a client CA bundle"
    for certificate in (tls.tls_certificates or (tls,)) if ends else ():
        if not certificate.server_certificate:
            yield Fault(f"{prefix} requires a server certificate", certificate.path)
        if not certificate.private_key:
            yield Fault(f"{prefix} requires a private key", certificate.path)
    if tls.data.get("caCrl") and tls.credential_name:
        words = "CRL is not supported with credentialName. CRL has to be specified in the credential"
        yield Fault(words, tls.at("caCrl"))
    if tls.data.get("caCrl") and mode == "SIMPLE":
        yield Fault("CRL is not supported with SIMPLE TLS", tls.at("caCrl"))


RULES: Rules = {IstioGateway: (_gateway,), Server: (_server,), ServerTLSSettings: (tls_faults,)}
"""What the webhook asks of a Gateway."""


def _credentials(tls: ServerTLSSettings) -> Iterator[str]:
    listed, names = tls.has("tlsCertificates"), tls.has("credentialNames")
    if listed and names:
        yield f"{OBJECT}only one of credentialNames or tlsCertificates can be set"
    if names and tls.has("credentialName"):
        yield f"{OBJECT}only one of credentialName or credentialNames can be set"


DEFINITION: Rules = {ServerTLSSettings: (at_most(2, "credentialNames", "tlsCertificates"), _credentials)}
"""What the definition of its kind does."""
