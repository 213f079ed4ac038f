"""Certificates for test hosts, made when they are needed: no key has to stand in a file."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from harness.base.errors import InputError

if TYPE_CHECKING:
    from harness.base.resources import Resource

ANNOTATION = "mesh-migration-harness/self-signed"
"""On a Secret of type kubernetes.io/tls: the hosts, separated by spaces, that its certificate is for."""

_HOST = re.compile(r"(?=.{1,64}$)(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
"""A common name has 64 characters at most [RFC 5280, ub-common-name]."""

_LIFETIME = timedelta(days=7)
_MARGIN = timedelta(hours=1)  # clusters' clocks


def completed(resource: Resource) -> Resource:
    """Returns a Secret that asks for it with a key and a certificate signed by itself; others as they are."""
    hosts = ((resource.data.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION)
    if resource.kind != "Secret" or not isinstance(hosts, str) or not hosts.split():
        return resource
    names = tuple(hosts.split())
    for name in names:
        if not _HOST.fullmatch(name):
            raise InputError(
                f"{name[:100]!r} isn't a host that a certificate can be for",
                where=resource.place("metadata.annotations"),
                todo="write a DNS name of ASCII letters, digits, dots and hyphens, 64 characters at most",
            )
    certificate, key = _pair(names)
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
