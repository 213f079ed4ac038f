"""Server: a port of some pods, with its protocol and whom it lets in where no policy says."""

from __future__ import annotations

from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Spec, integer_or_text, node, optional, text

UNKNOWN, HTTP1, HTTP2, GRPC, OPAQUE, TLS = "unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"
"""The values of `spec.proxyProtocol`: `unknown` (or none) detects HTTP."""


class LinkerdServer(Spec):
    """A port, by number or name, of the pods that a selector selects."""

    pod_selector = node("podSelector", LabelSelector)
    _port = integer_or_text("port")
    _protocol = text("proxyProtocol")
    written_policy = optional("accessPolicy")

    @property
    def port(self) -> int | str:
        """The pods' port, or its name."""
        return self._port or 0

    @property
    def protocol(self) -> str:
        """The protocol that it declares."""
        return self._protocol or UNKNOWN

    @property
    def access_policy(self) -> str:
        """The default policy of its port."""
        return self.written_policy or "deny"
