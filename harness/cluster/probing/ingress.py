"""Requests from outside of the cluster: sent by this machine to a gateway's Service."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from harness.api.kubernetes.service import Service
from harness.api.kubernetes.status import NodeStatus, ServiceStatus
from harness.base import HarnessError
from harness.cluster.api import SERVICES
from harness.cluster.api.discovery import NODES
from harness.cluster.probing.answers import CurlAnswer
from harness.cluster.probing.curl import shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.kubernetes.service import ServicePort
    from harness.base import Workload
    from harness.cluster.api import Client, Json
    from harness.traffic.request import Request

_REACH_SECONDS = 2.0

_REFUSED, _TIMED_OUT, _TLS, _EMPTY, _RESET = 7, 28, 35, 52, 56  # as curl's exit codes


@dataclass(frozen=True)
class Door:
    """An address and port on which a gateway's Service can be reached from this machine."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


def door(client: Client, service: Workload, port: int) -> Door | None:
    """Returns where a Service's port can be reached: at a load balancer, or else at a node.

    None if the Service doesn't have the port. Raises HarnessError if it isn't there, or can't be reached.
    """
    live = client.find(SERVICES.path(service.namespace, service.name))
    if live is None:
        raise HarnessError(f"there is no Service {service}", todo="check the gateway's name")
    entry = next((each for each in Service.live(live).ports if each.number == port), None)
    if entry is None:
        return None
    tried = []
    for door in _doors(client, live, entry):
        if reachable(door):
            return door
        tried.append(str(door))
    raise HarnessError(
        f"port {port} of Service {service} can't be reached from this machine",
        why=f"no answer at {', '.join(tried)}"
        if tried
        else "it has no load balancer's address and no nodePort",
        todo="make it a Service of type NodePort or LoadBalancer, whose address this machine has a route to",
    )


def _doors(client: Client, service: Json, port: ServicePort) -> Iterator[Door]:
    for entry in ServiceStatus.live(service).balancer.ingress:
        yield Door(entry.ip or entry.hostname, port.number)
    if port.node_port:
        for node in client.list(NODES.collection()):
            for address in NodeStatus.live(node).addresses:
                if address.type in ("ExternalIP", "InternalIP"):
                    yield Door(address.address, port.node_port)


def reachable(door: Door) -> bool:
    """Returns whether there is a way to it: also where the connection is refused."""
    try:
        socket.create_connection((door.address, door.port), _REACH_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return True


def ask(
    door: Door | None, request: Request, count: int, *, parallel: int, seconds: float
) -> list[CurlAnswer]:
    """Sends equal requests to a door, and returns an answer for each, in curl's terms.

    The URL's host is the Host header and, with TLS, the name asked for; certificates aren't verified, since
    what is probed is where it goes. Without a door each is refused.
    """
    if door is None:
        return [CurlAnswer(_REFUSED, 0, 0.0, "the gateway's Service doesn't have the port", (), "")] * count
    with ThreadPoolExecutor(parallel) as pool:
        batches = pool.map(lambda share: list(_batch(door, request, share, seconds)), shares(count, parallel))
        return [answer for batch in batches for answer in batch]


def _batch(door: Door, request: Request, count: int, seconds: float) -> Iterator[CurlAnswer]:
    target = f"{request.path}?{request.query}" if request.query else request.path
    scheme = "https" if request.tls else "http"
    url = httpx.URL(scheme=scheme, host=door.address, port=door.port)
    headers = [(name, value) for name, value in request.headers if name.lower() != "host"]
    defaults = {"accept-encoding": "identity", "user-agent": "harness"}
    # By itself httpx would put a path such as /a/../b in order.
    options = {"sni_hostname": request.host, "target": target.encode()}
    unverified = ssl.create_default_context()
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    with httpx.Client(verify=unverified, trust_env=False, timeout=seconds, headers=defaults) as client:
        for _ in range(count):
            sent = client.build_request(
                request.method, url, headers=[("host", request.authority), *headers], extensions=options
            )
            yield _answer(client, sent)
            if request.new_connection:
                client.close()


def _answer(client: httpx.Client, sent: httpx.Request) -> CurlAnswer:
    start = time.monotonic()
    try:
        got = client.send(sent)
    except httpx.TransportError as error:
        return CurlAnswer(_exit_code(error, sent), 0, time.monotonic() - start, str(error), (), "")
    seconds = time.monotonic() - start
    return CurlAnswer(0, got.status_code, seconds, "", tuple(got.headers.multi_items()), got.text)


def _exit_code(error: httpx.TransportError, sent: httpx.Request) -> int:
    """The exit code by which curl would tell of the same failure."""
    words = str(error).lower()
    match error:
        case httpx.TimeoutException():
            return _TIMED_OUT
        case httpx.ConnectError() if "refused" in words:
            return _REFUSED
        case httpx.ConnectError() if sent.url.scheme == "https":
            return _TLS
        case httpx.RemoteProtocolError():
            return _EMPTY
    return _RESET
