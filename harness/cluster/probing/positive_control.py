"""Positive controls: a server's application asked past its proxy, and so past every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.cluster.api import Deadline, exchange
from harness.cluster.api.streams import is_status_line
from harness.cluster.objects import pods
from harness.cluster.probing import services
from harness.cluster.probing.curl import LINE

if TYPE_CHECKING:
    from harness.cluster.api import Client
    from harness.traffic.request import Request

# The start of every HTTP/2 connection, and an empty SETTINGS frame [RFC 9113, 3.4].
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4


def control(client: Client, request: Request, seconds: float) -> str:
    """Sends a request to a server's application past its proxy, and returns that it answered.

    An answer of any status will do: it shows that the application is up. Raises HarnessError.
    """
    behind = services.behind(client, request)
    ready = [pod for pod in behind.pods if pods.ready(pod)]
    port = behind.port(ready[0]) if ready else None
    if port is None:
        raise HarnessError(
            f"Service {behind.service} has no ready pod with port {behind.target}", where=str(request)
        )
    if request.tcp:
        message, enough = LINE.encode(), _something
    else:
        message, enough = (_HTTP2_HELLO, _is_settings) if request.grpc else (_http1(request), is_status_line)
    name = pods.name(ready[0])
    answer = exchange(client, behind.service.namespace, name, port, message, enough, Deadline(seconds))
    words = "speaks HTTP/2" if request.grpc else answer.split(b"\r\n")[0].decode(errors="replace")
    return f"past its proxy, Pod {behind.service.namespace}/{name} answers on port {port}: {words}"


def _http1(request: Request) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    first = f"{request.http_method} {target} HTTP/1.1"
    others = [(name, value) for name, value in request.headers if name.lower() not in ("host", "connection")]
    headers = [("Host", request.authority), ("Connection", "close"), *others]
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in headers), "", ""]).encode()


def _something(received: bytes) -> bool:
    return bool(received)


def _is_settings(received: bytes) -> bool:
    return len(received) >= 9 and received[3] == _SETTINGS
