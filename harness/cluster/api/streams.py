"""A command in a pod's container, and an exchange with a pod's port: over websockets."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from harness.base import HarnessError
from harness.cluster.api.discovery import PODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from websocket import WebSocket

    from harness.cluster.api.client import Client
    from harness.cluster.api.waiting import Deadline

STDIN, STDOUT, STDERR, STATUS = 0, 1, 2, 3  # channels of Kubernetes' remote command protocol
_DATA, _ERROR = 0, 1  # channels of its port forward protocol, for the first port

NOT_RUN = 126
"""The exit code, as shells have it, of a command that the container can't run."""

_LAST_CHUNK = b"\r\n0\r\n\r\n"  # of a chunked HTTP/1.1 body [RFC 9112, 7.1]


GONE = "the container went away while the command ran"


class ExecInterruptedError(HarnessError):
    """The pod or the connection to it went away while the command ran."""


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str


def execute(
    client: Client, namespace: str, pod: str, container: str, argv: Sequence[str], deadline: Deadline
) -> Finished:
    """Runs a command in a container to its end.

    Raises ExecInterruptedError if the pod goes away, HarnessError if the deadline does; the exit code
    is NOT_RUN if there is no such program.
    """
    where = f"Pod {namespace}/{pod}, container {container}"
    output: dict[int, bytes] = defaultdict(bytes)
    socket = client.websocket(
        f"{PODS.path(namespace, pod)}/exec",
        {"container": container, "command": list(argv), "stdout": "true", "stderr": "true"},
    )
    try:
        with running(argv[0], where, deadline, output):
            for channel, data in frames(socket, deadline):
                output[channel] += data
                if channel == STATUS:
                    break
    finally:
        hang_up(socket)
    if not output[STATUS]:
        raise ExecInterruptedError(GONE, where=where)
    code, why = _exit(output[STATUS])
    stdout, stderr = (output[channel].decode(errors="replace") for channel in (STDOUT, STDERR))
    return Finished(code, stdout, stderr + why)


@contextmanager
def running(program: str, where: str, deadline: Deadline, output: Mapping[int, bytes]) -> Iterator[None]:
    """Around the reading of a command's output: a stream that breaks, or lasts too long, is named.

    Raises ExecInterruptedError or HarnessError.
    """
    try:
        yield
    except WebSocketTimeoutException:
        raise HarnessError(
            f"`{program}` didn't end within {deadline.seconds:.0f} s",
            where=where,
            why=output.get(STDERR, b"").decode(errors="replace").strip(),
            todo="send fewer requests, or allow more time",
        ) from None
    except (WebSocketException, OSError) as error:
        raise ExecInterruptedError(f"the connection to the container broke: {error}", where=where) from None


def hang_up(socket: WebSocket) -> None:
    """Closes a stream, also where the other side closed it: websocket-client then leaves the socket open."""
    socket.close(timeout=1)
    socket.shutdown()  # type: ignore[no-untyped-call]


def frames(socket: WebSocket, deadline: Deadline) -> Iterator[tuple[int, bytes]]:
    """What comes on each channel, until the other side closes or the deadline passes."""
    while True:
        socket.settimeout(max(deadline.left, 0.001))
        opcode, data = socket.recv_data()
        if opcode == ABNF.OPCODE_CLOSE:
            return
        if data:
            yield data[0], data[1:]


def _exit(status: bytes) -> tuple[int, str]:
    """The exit code, and what the container runtime said where there is none."""
    answer = json.loads(status)
    if answer.get("status") == "Success":
        return 0, ""
    for cause in (answer.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    return NOT_RUN, answer.get("message") or "can't be run"


def get(client: Client, namespace: str, pod: str, port: int, path: str, deadline: Deadline) -> str:
    """Returns the body of an Envoy's admin answer (chunked, 200); raises HarnessError for any other."""
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    answer = exchange(client, namespace, pod, port, ask, lambda got: got.endswith(_LAST_CHUNK), deadline)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        status = head.split(b"\r\n")[0].decode(errors="replace")
        raise HarnessError(f"GET {path} answers {status}", where=f"Pod {namespace}/{pod}, port {port}")
    return _joined(body).decode(errors="replace")


def _joined(body: bytes) -> bytes:
    """The chunks of a chunked body as one."""
    joined = b""
    while chunk := re.match(rb"([0-9a-fA-F]+)[^\r]*\r\n", body):
        size = int(chunk[1], 16)
        joined += body[chunk.end() : chunk.end() + size]
        body = body[chunk.end() + size + 2 :]
    return joined


def exchange(
    client: Client,
    namespace: str,
    pod: str,
    port: int,
    message: bytes,
    enough: Callable[[bytes], bool],
    deadline: Deadline,
) -> bytes:
    """Sends bytes to a pod's port and returns what came back as soon as it is `enough`.

    The kubelet dials 127.0.0.1 inside the pod, which neither mesh redirects. Raises HarnessError
    if the port refuses, closes early, or stays silent.
    """
    where = f"Pod {namespace}/{pod}, port {port}"
    received: dict[int, bytes] = {}
    socket = client.websocket(f"{PODS.path(namespace, pod)}/portforward", {"ports": port})
    try:
        socket.settimeout(max(deadline.left, 0.001))
        socket.send(bytes([_DATA]) + message, opcode=ABNF.OPCODE_BINARY)
        for channel, data in frames(socket, deadline):
            # The first frame of a channel only repeats the port's number.
            received[channel] = received[channel] + data if channel in received else b""
            if enough(received.get(_DATA, b"")) or received.get(_ERROR):
                break
    except (WebSocketException, OSError) as error:
        raise HarnessError(f"no answer through a port forward: {error}", where=where) from None
    finally:
        hang_up(socket)
    answer = received.get(_DATA, b"")
    if not enough(answer):
        why = received.get(_ERROR, b"").decode(errors="replace") or "the connection was closed"
        raise HarnessError("no answer through a port forward", where=where, why=why)
    return answer


def is_status_line(received: bytes) -> bool:
    """Returns whether an HTTP/1 answer's first line is there."""
    return received.startswith(b"HTTP/") and b"\r\n" in received
