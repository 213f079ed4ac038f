"""A request as a workload sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from harness.traffic.token import Token

DEFAULT_PORTS = {"http": 80, "grpc": 80, "https": 443, "tcp": 0}
"""The schemes of a probe's URL, and the port that each means where none is written (0: it must be)."""

HOST = Workload("", "the host")
"""The source of requests that come in from outside of the cluster: the machine that the harness runs on."""


@dataclass(frozen=True)
class Request:
    """One request; `grpc://host/Service/Method` sends an empty gRPC message (HTTP/2, POST).

    `https://` is TLS of the client's own, with the host as SNI, end to end; `tcp://host:port` only connects.
    `new_connection` asks for a connection of its own instead of a pooled one. `token` is sent as
    `Authorization: Bearer …`; one that was really signed is given as that header instead. One from outside
    (HOST) goes `through` a gateway's Service, which is dialled on the URL's port in the place of its host.
    """

    source: Workload
    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    new_connection: bool = False
    token: Token | None = None
    through: Workload | None = None

    def __post_init__(self) -> None:
        if (self.source == HOST) is (self.through is None):
            raise ValueError("what comes from outside goes through a gateway, and nothing else does")
        if self.token and self.header("authorization") is not None:
            raise ValueError("a request has a token or an authorization header, not both")
        try:
            parts = urlsplit(self.url)
            port = DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
            fits = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and port != 0
        except ValueError:  # of a port or an address that isn't one
            fits = False
        if not fits:
            raise ValueError(
                f"{self.url!r} isn't a URL to probe: write http://host[:port]/path, grpc://…, "
                "https://… or tcp://host:port"
            )

    @property
    def grpc(self) -> bool:
        return urlsplit(self.url).scheme == "grpc"

    @property
    def tls(self) -> bool:
        """Whether the client itself speaks TLS, so that proxies see no more than the SNI."""
        return urlsplit(self.url).scheme == "https"

    @property
    def tcp(self) -> bool:
        """Whether this is a bare connection, without any HTTP."""
        return urlsplit(self.url).scheme == "tcp"

    @property
    def http_method(self) -> str:
        """The method on the wire: gRPC is always POST."""
        return "POST" if self.grpc else self.method

    @property
    def host(self) -> str:
        """The name that is resolved and dialled, without port."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def path(self) -> str:
        """The path without query, at least `/`."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> str:
        """The query string without `?`."""
        return urlsplit(self.url).query

    @property
    def authority(self) -> str:
        """The Host header: an explicit one, else the URL's host with its port as written."""
        for name, value in self.headers:
            if name.lower() == "host":
                return value
        return urlsplit(self.url).netloc

    def header(self, name: str) -> str | None:
        """The value of a request header, by any case of its name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def __str__(self) -> str:
        source = f"{self.source.name} through {self.through}" if self.through else str(self.source)
        return f"{source} {self.http_method} {self.url}"
