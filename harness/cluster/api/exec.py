"""Running a command in a pod's container."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websocket import ABNF, WebSocketException, WebSocketTimeoutException

from harness.base.errors import HarnessError
from harness.cluster.api.discovery import PODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cluster.api.client import Client
    from harness.cluster.api.deadline import Deadline

STDOUT, STDERR, STATUS = 1, 2, 3  # channels of Kubernetes' remote command protocol

NOT_RUN = 126
"""The exit code, as shells have it, of a command that the container can't run."""


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
    output: dict[int, list[bytes]] = {STDOUT: [], STDERR: [], STATUS: []}
    socket = client.websocket(
        f"{PODS.path(namespace, pod)}/exec",
        {"container": container, "command": list(argv), "stdout": "true", "stderr": "true"},
    )
    try:
        while not output[STATUS]:
            socket.settimeout(max(deadline.left, 0.001))
            opcode, data = socket.recv_data()
            if opcode == ABNF.OPCODE_CLOSE:
                break
            if data and data[0] in output:
                output[data[0]].append(data[1:])
    except WebSocketTimeoutException:
        raise HarnessError(
            f"`{argv[0]}` didn't end within {deadline.seconds:.0f} s",
            where=where,
            why=_text(output[STDERR]).strip(),
            todo="send fewer requests, or allow more time",
        ) from None
    except (WebSocketException, OSError) as error:
        raise ExecInterruptedError(f"the connection to the container broke: {error}", where=where) from None
    finally:
        socket.close(timeout=1)
    if not output[STATUS]:
        raise ExecInterruptedError("the container went away while the command ran", where=where)
    code, said = _exit(b"".join(output[STATUS]))
    return Finished(code, _text(output[STDOUT]), _text(output[STDERR]) + said)


def _text(parts: list[bytes]) -> str:
    return b"".join(parts).decode(errors="replace")


def _exit(status: bytes) -> tuple[int, str]:
    """The exit code, and what the container runtime said where there is none."""
    answer = json.loads(status)
    if answer.get("status") == "Success":
        return 0, ""
    for cause in (answer.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    return NOT_RUN, answer.get("message") or "can't be run"
