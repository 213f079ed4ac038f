"""A request on the wire, as proxies change it on its way, and as it arrives at a pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING

from harness.api import headers as api_headers
from harness.api.headers import HeaderChanges, Headers, OpenHeaders
from harness.base.records import with_fields
from harness.model.distribution import Branches
from harness.traffic.outcomes import Hop, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.state import Pod, State
    from harness.traffic.request import Request, Token

WITNESS = "the model"


@dataclass(frozen=True)
class Message:
    """A request; header names are lower case, `attempt` counts a proxy's tries from 1.

    `tls` is a connection with the client's own TLS, of which proxies see no more than the name that it
    asks for (`sni`) and that it shows a certificate (`certified`); `tcp` is a bare one: neither shows a
    proxy any HTTP. `scheme` stays https behind a proxy that ended the client's TLS. `verified` is what the
    proxy that has the request knows of a token that it verified; it isn't on the wire. `dialled` is the host
    that the client itself connects to.
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
    certified: bool = False
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

    @property
    def is_explored(self) -> bool:
        """Whether rules may only ask it (see `base.explored`)."""
        return isinstance(self.headers, OpenHeaders)

    def header(self, name: str) -> str | None:
        """Returns a header's value, several joined by commas, or None."""
        values = self.header_values(name)
        return reduce(lambda joined, value: joined + "," + value, values) if values else None

    def header_values(self, name: str) -> list[str]:
        """Returns the values of a header's lines."""
        if isinstance(self.headers, OpenHeaders):
            return self.headers.values(name.lower())
        return [value for key, value in self.headers if key == name.lower()]

    def header_lines(self, name: str) -> list[str]:
        """Returns the same for who looks at each line by itself."""
        if isinstance(self.headers, OpenHeaders):
            return self.headers.lines(name.lower())
        return self.header_values(name)

    def without(self, names: Iterable[str]) -> Message:
        """Returns the message without these headers."""
        return self._having(api_headers.without(self.headers, names))

    def plus(self, *headers: tuple[str, str]) -> Message:
        """Returns the message with these headers set."""
        return self._having(HeaderChanges(set=headers).apply(self.headers))

    def listing(self, name: str, value: str) -> Message:
        """Returns the message with one more value in the list that a header holds."""
        if isinstance(self.headers, OpenHeaders):  # nobody needs to know what is in the list
            return self._having(api_headers.plus(self.headers, ((name, value),)))
        before = self.header(name)
        return self.plus((name, f"{before},{value}" if before else value))

    def _having(self, headers: Headers) -> Message:
        same = headers == self.headers and not isinstance(headers, OpenHeaders)  # of which names may be gone
        return self if same else with_fields(self, headers=headers)


@dataclass(frozen=True)
class Endpoint:
    """A ready pod's port behind a Service; `named`: by its pod, for only then Linkerd looks for a proxy."""

    pod: Pod
    port: int
    named: bool = True


@dataclass(frozen=True)
class Arrival:
    """A request as it arrives at a pod; `tls` is the mesh whose mutual TLS the client's proxy began.

    `opaque` says that a proxy took it for bytes: it then knows the connection, and nothing of HTTP. `sni` is
    the name that the mesh's TLS asks for.
    """

    client: Pod
    server: Pod
    port: int
    message: Message
    tls: Mesh | None = None
    opaque: bool = False
    sni: str = ""

    @property
    def hop(self) -> Hop:
        """How this connection is protected."""
        if self.tls is None:
            return Hop(mutual=False, witnesses=(WITNESS,), opaque=self.opaque)
        client, server = (pod.identities[self.tls] for pod in (self.client, self.server))
        return Hop(True, self.tls, client, (WITNESS,), server, opaque=self.opaque)

    @property
    def refused(self) -> Hop:
        """The same, where the server doesn't take connections that are protected so."""
        return replace(self.hop, refused=True)


Answers = Branches[Outcome]
"""What may come back of a request, each with its probability and the reasons."""

Deliver = Callable[[Arrival], Answers]
"""What answers a request that arrives at a pod: its inbound proxy, if any, and its application."""


@dataclass(frozen=True)
class ClientSide:
    """A pod of a cluster that sends requests, and how they get to other pods.

    `dialled` is where its own connection would arrive: one of several endpoints, none if nothing answers;
    `dialled_service` is the Service whose address it dialled, if any.
    """

    state: State
    client: Pod
    deliver: Deliver
    dialled: tuple[Endpoint, ...] = field(default=(), kw_only=True)
    dialled_service: Resource | None = field(default=None, kw_only=True)

    def dial(self, server: Pod, port: int, message: Message) -> Answers:
        """Returns what a pod answers to a connection without a mesh's mutual TLS."""
        return self.deliver(Arrival(self.client, server, port, message))
