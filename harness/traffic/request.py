"""A request as a workload sends it, and the token (a JWT) that it may carry."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.api.istio.security.claims import claim_path
from harness.base.networks import is_address
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.base.explored import OpenClaims


STATED = {"alg": "RS256", "typ": "JWT", "signature": "stated"}
"""The header of a token that is given by its claims: who gives it states that its issuer signed it."""

_TIMES = frozenset(("exp", "nbf", "iat"))


@dataclass(frozen=True)
class Token:
    """A JWT by its claims alone (as JSON): its signature counts as its issuer's.

    The model believes it. No cluster's proxy does: it wants a token that was really signed, in a header.
    """

    payload: str

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Token:
        return cls(json.dumps(claims, sort_keys=True))

    @classmethod
    def parse(cls, pairs: Iterable[str]) -> Token:
        """Returns the token of texts `NAME=VALUE`; a name that is repeated has a list.

        Nested names are written `a.b` or, where names themselves have dots, `[a][b]`. Values are text;
        those of exp, nbf and iat are seconds since 1970. Raises ValueError for anything else.
        """
        claims: dict[str, Any] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            path = claim_path(name)
            if not equals or not all(path):
                raise ValueError(f"{pair!r} isn't a claim: write NAME=VALUE")
            *outer, last = path
            inner = claims
            for part in outer:
                inner = inner.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise ValueError(f"the claim {name!r} is inside of one that has a value")
            inner[last] = _joined(name, inner.get(last), _value(last, text))
        return cls.of(claims)

    @property
    def claims(self) -> dict[str, Any]:
        claims: dict[str, Any] = json.loads(self.payload)
        return claims

    @property
    def text(self) -> str:
        """The token as it is sent, in JWT's compact form."""
        parts = (json.dumps(STATED), self.payload, "stated")
        return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


@dataclass(frozen=True)
class OpenToken(Token):
    """The token of an explored request."""

    payload: str = ""
    open_claims: OpenClaims | None = None

    @property
    def claims(self) -> dict[str, Any]:
        return {} if self.open_claims is None else self.open_claims


def _value(name: str, text: str) -> str | int:
    if name not in _TIMES:
        return text
    if not re.fullmatch("[0-9]{1,12}", text):
        raise ValueError(f"the claim {name!r} is a time in seconds since 1970, not {text!r}")
    return int(text)


def _joined(name: str, before: Any, value: str | int) -> Any:
    if before is None:
        return value
    if isinstance(before, dict):
        raise ValueError(f"the claim {name!r} has claims inside, so it can't have a value")
    return [*before, value] if isinstance(before, list) else [before, value]


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
    (HOST) goes `through` a gateway's Service, which is dialled on the URL's port in the place of its host;
    `address` is where the gateway sees it come from, None if that isn't known. With `pod` one of that
    workload's pods is dialled, by an address that stands in the place of the URL's host (`at_address`).
    """

    source: Workload
    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    new_connection: bool = False
    token: Token | None = None
    through: Workload | None = None
    address: str | None = None
    pod: Workload | None = None

    def __post_init__(self) -> None:
        if (self.source == HOST) is (self.through is None):
            raise ValueError("what comes from outside goes through a gateway, and nothing else does")
        if self.address is not None and not (self.through and is_address(self.address)):
            raise ValueError(f"{self.address!r} isn't an IP address that a request comes from outside from")
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

    def at_address(self, address: str) -> Request:
        """Returns it as it is sent to a pod: to this address, on the URL's port as written."""
        parts = urlsplit(self.url)
        host = f"[{address}]" if ":" in address else address
        netloc = host if parts.port is None else f"{host}:{parts.port}"
        return replace(self, url=parts._replace(netloc=netloc).geturl(), pod=None)

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
        source += f" from {self.address}" if self.address else ""
        target = f"{self.url} at a pod of {self.pod}" if self.pod else self.url
        return f"{source} {self.http_method} {target}"
