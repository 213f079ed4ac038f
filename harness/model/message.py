"""A request on the wire, as proxies change it on its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.headers import HeaderChanges, Headers
from harness.api.headers import without as headers_without
from harness.base.records import with_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.traffic.request import Request
    from harness.traffic.token import Token


@dataclass(frozen=True)
class Message:
    """A request; header names are lower case, `attempt` counts a proxy's tries from 1.

    `tls` is a connection with the client's own TLS, of which proxies see no more than the name that it
    asks for (`sni`), `tcp` a bare one: neither shows a proxy any HTTP. `scheme` stays https behind a proxy
    that ended the client's TLS. `verified` is what the proxy that has the request knows of a token that it
    verified; it isn't on the wire. `dialled` is the host that the client itself connects to.
    """

    method: str
    path: str
    query: str
    authority: str
    headers: Headers
    grpc: bool = False
    attempt: int = 1
    tls: bool = False
    tcp: bool = False
    sni: str = ""
    scheme: str = "http"
    verified: Token | None = None
    dialled: str = ""

    @classmethod
    def of(cls, request: Request) -> Message:
        """Returns the message that a client sends for a request."""
        headers = [(name.lower(), value) for name, value in request.headers if name.lower() != "host"]
        if request.grpc:
            headers += [("content-type", "application/grpc"), ("te", "trailers")]
        if request.token:
            headers.append(("authorization", f"Bearer {request.token.text}"))
        return cls(
            request.http_method,
            request.path,
            request.query,
            request.authority,
            tuple(headers),
            request.grpc,
            tls=request.tls,
            tcp=request.tcp,
            sni=request.host if request.tls else "",
            scheme="https" if request.tls else "http",
            dialled=request.host,
        )

    @property
    def opaque(self) -> bool:
        """Whether a proxy on its way sees no HTTP in it."""
        return self.tls or self.tcp

    @property
    def target(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def host(self) -> str:
        """The authority without its port."""
        return self.authority.rpartition(":")[0] if ":" in self.authority else self.authority

    def header(self, name: str) -> str | None:
        """Returns a header's value, several joined by commas, or None."""
        return ",".join(values) if (values := self.header_values(name)) else None

    def header_values(self, name: str) -> list[str]:
        """Returns the values of a header's lines."""
        return [value for key, value in self.headers if key == name.lower()]

    def without(self, names: Iterable[str]) -> Message:
        """Returns the message without these headers."""
        return self._having(headers_without(self.headers, names))

    def plus(self, *headers: tuple[str, str]) -> Message:
        """Returns the message with these headers set."""
        return self._having(HeaderChanges(set=headers).apply(self.headers))

    def _having(self, headers: Headers) -> Message:
        return self if headers == self.headers else with_fields(self, headers=headers)
