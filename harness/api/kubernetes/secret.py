"""Secrets, as far as proxies read them: certificates and their keys."""

from __future__ import annotations

import base64
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.api import field
from harness.api.node import Object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.x509 import Certificate

KIND = ("", "Secret")

_PAIRS = (("cert", "key"), ("tls.crt", "tls.key"))
"""The names under which Istio looks for a certificate and its key [istio/istio: ExtractCertInfo]."""

_AUTHORITIES = ("cacert", "ca.crt")
"""Those for an authority's certificate [istio/istio: ExtractRoot]."""


class Secret(Object):
    """A Secret; a live cluster's is read without its content."""

    encoded = field.labels("data")
    plain = field.labels("stringData")

    @property
    def certificate_fault(self) -> str:
        """Why nobody can use its certificate; empty if somebody can, or if its content isn't known."""
        certificate = self._certificate
        return certificate if isinstance(certificate, str) else _expired(certificate)

    @property
    def unreadable(self) -> str:
        """Why no proxy can take its certificate; empty if it can, or if its content isn't known."""
        certificate = self._certificate
        return certificate if isinstance(certificate, str) else ""

    @property
    def has_authority(self) -> bool:
        """Whether a certificate of an authority is in it, or its content isn't known."""
        return not (self.encoded or self.plain) or any(
            content.get(key) for content in (self.encoded, self.plain) for key in _AUTHORITIES
        )

    @field.derived
    def _certificate(self) -> bytes | str:
        """Its certificate (PEM), or what is wrong with it; an empty text if its content isn't known."""
        if not (self.encoded or self.plain):
            return ""
        try:
            content = self._content
        except ValueError:
            return "its data isn't base64"
        pair = next((pair for pair in _PAIRS if all(content.get(key) for key in pair)), None)
        if pair is None:
            return f"it has neither {' nor '.join(' and '.join(pair) for pair in _PAIRS)}"
        certificate = content[pair[0]]
        return certificate if _read(certificate) else "its certificate can't be read"

    @property
    def _content(self) -> Mapping[str, bytes]:
        decoded = {key: base64.b64decode(text) for key, text in self.encoded.items()}
        return {**decoded, **{key: text.encode() for key, text in self.plain.items()}}


def _read(certificate: bytes) -> Certificate | None:
    """A certificate of PEM, None if it is none."""
    from cryptography import x509  # most commands need none of it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old serial numbers, which proxies take
            return x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return None


def _expired(certificate: bytes) -> str:
    """Since when a certificate is of no use, empty if it isn't."""
    read = _read(certificate)
    if read is None or read.not_valid_after_utc >= datetime.now(UTC):
        return ""
    return f"its certificate expired on {read.not_valid_after_utc:%Y-%m-%d}"
