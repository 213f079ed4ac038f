"""Certificates for test hosts, made when they are needed: no key has to stand in a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.base.resources import Resource

ANNOTATION = "mesh-migration-harness/self-signed"
"""On a Secret of type kubernetes.io/tls: the hosts, separated by spaces, that its certificate is for."""

_LIFETIME = timedelta(days=7)
_MARGIN = timedelta(hours=1)  # clusters' clocks


def completed(resource: Resource) -> Resource:
    """Returns a Secret that asks for it with a key and a certificate signed by itself; others as they are."""
    hosts = ((resource.data.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    if resource.kind != "Secret" or not isinstance(hosts, str) or not hosts.split():
        return resource
    certificate, key = _pair(tuple(hosts.split()))
    return replace(resource, data={**resource.data, "stringData": {"tls.crt": certificate, "tls.key": key}})


@cache
def _pair(hosts: tuple[str, ...]) -> tuple[str, str]:
    """A certificate and its key (PEM), the same in all of a process."""
    from cryptography import x509  # most scenarios need none of it
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MARGIN)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(map(x509.DNSName, hosts)), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
