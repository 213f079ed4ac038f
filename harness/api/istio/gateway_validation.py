"""What Istio's webhook refuses of Gateways, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.api.objects import Fields, spec_of
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

_HTTP = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY")
_TLS = ("HTTPS", "TLS")
_BYTES = ("TCP", "MONGO", "REDIS", "MYSQL")
_OLD_TLS = ("TLSV1_0", "TLSV1_1")
_NOT_WITH_ISTIO = {
    "serverCertificate": "server certificate",
    "privateKey": "private key",
    "caCertificates": "CA bundle",
    "tlsCertificates": "tlsCertificates",
    "credentialName": "credentialName",
    "credentialNames": "credentialNames",
}


def refuse(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take of a Gateway and the model doesn't decide on."""
    for index, server in enumerate(spec_of(resource).get("servers") or ()):
        if (server.get("tls") or {}).get("maxProtocolVersion") in _OLD_TLS:
            field = f"spec.servers[{index}].tls.maxProtocolVersion"
            raise not_modelled(resource, field, "clients of today refuse such versions")


def faults(spec: Fields) -> Iterator[str]:
    """Yields what is wrong with a Gateway."""
    servers = spec.get("servers") or []
    if not servers:
        yield "gateway must have at least one server"
    for server in servers:
        yield from _server(server)
    for name, times in Counter(server["port"]["name"] for server in servers).items():
        for _ in range(times - 1):
            yield f"port names in servers must be unique: duplicate name {name}"


def _server(server: Fields) -> Iterator[str]:
    port, tls = server["port"], server.get("tls")
    protocol = port["protocol"].upper()
    if not server["hosts"]:
        yield "server config must contain at least one host"
    if protocol not in (*_HTTP, *_TLS, *_BYTES):
        yield (
            f'invalid protocol "{port["protocol"]}", supported protocols are '
            "HTTP, HTTP2, GRPC, GRPC-WEB, MONGO, REDIS, MYSQL, TCP"
        )
        return
    if port.get("targetPort"):
        yield "targetPort has no impact on Gateways"
    yield from _tls_options(tls) if tls is not None else ()
    if protocol in _TLS and tls is None:
        yield "server must have TLS settings for HTTPS/TLS protocols"
    elif protocol in _HTTP and tls is not None:
        own = any(tls.get(key) for key in ("caCertificates", "privateKey", "serverCertificate"))
        if own or tls.get("mode", "PASSTHROUGH") not in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
            yield "server cannot have TLS settings for plain text HTTP ports"
    elif protocol in _BYTES and tls is not None:
        yield "server cannot have TLS settings for non HTTPS/TLS ports"


def _tls_options(tls: Fields) -> Iterator[str]:
    mode = tls.get("mode", "PASSTHROUGH")
    if mode == "ISTIO_MUTUAL":
        for key, words in _NOT_WITH_ISTIO.items():
            if tls.get(key):
                yield f"ISTIO_MUTUAL TLS cannot have associated {words}"
        return
    files = bool(tls.get("serverCertificate") and tls.get("privateKey"))
    given = [files, *(bool(tls.get(key)) for key in ("credentialName", "credentialNames", "tlsCertificates"))]
    if sum(given) > 1:
        yield (
            "only one of credential_name, credential_names, server_certificate/private_key, "
            "tls_certificates should be specified"
        )
    if mode not in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") or given[1] or given[2]:
        return
    prefix = "SIMPLE TLS" if mode == "SIMPLE" else "MUTUAL TLS"
    if mode != "SIMPLE" and not tls.get("caCertificates"):
        yield f"{prefix} requires a client CA bundle"
    for certificate in tls.get("tlsCertificates") or [tls]:
        if not certificate.get("serverCertificate"):
            yield f"{prefix} requires a server certificate"
        if not certificate.get("privateKey"):
            yield f"{prefix} requires a private key"
