"""Commands in a pod's container, one after another by one exec: a shell that stays.

An exec of its own costs the node ten times what a short command does.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections import defaultdict
from typing import TYPE_CHECKING

from websocket import ABNF

from harness.cluster.api.discovery import PODS
from harness.cluster.api.streams import (
    GONE,
    STDERR,
    STDIN,
    STDOUT,
    ExecInterruptedError,
    Finished,
    frames,
    hang_up,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.cluster.api.client import Client
    from harness.cluster.api.waiting import Deadline


class _NotBegunError(Exception):
    """The shell was gone before it began the command."""


class Shell:
    """One exec of `sh` in a container, for one command at a time."""

    def __init__(self, client: Client, namespace: str, pod: str, container: str) -> None:
        self.where = f"Pod {namespace}/{pod}, container {container}"
        query: dict[str, str | list[str]] = {
            "container": container,
            "command": ["sh"],
            "stdin": "true",
            "stdout": "true",
            "stderr": "true",
        }
        self._socket = client.websocket(f"{PODS.path(namespace, pod)}/exec", query)

    def run(self, argv: Sequence[str], deadline: Deadline) -> Finished:
        """Runs a command to its end; raises as `streams.execute` does, and _NotBegunError.

        After an error the shell is of no more use.
        """
        mark = f"--{secrets.token_hex(12)}"
        # By echo: to some shells' printf a text that begins with a dash is an option.
        job = (
            f"echo '{mark} begun'; {shlex.join(argv)} </dev/null; "
            f"printf '\\n{mark} %d\\n' $?; printf '\\n{mark}\\n' >&2\n"
        )
        begun, ended = f"{mark} begun\n".encode(), re.compile(rf"\n{mark} (\d+)\n\Z".encode())
        output: dict[int, bytes] = defaultdict(bytes)
        try:
            with running(argv[0], self.where, deadline, output):
                self._socket.settimeout(max(deadline.left, 0.001))
                self._socket.send(bytes((STDIN,)) + job.encode(), ABNF.OPCODE_BINARY)
                for channel, data in frames(self._socket, deadline):
                    output[channel] += data
                    end = ended.search(output[STDOUT][-len(mark) - 16 :])
                    if end and output[STDERR].endswith(f"\n{mark}\n".encode()):
                        stdout = output[STDOUT].removeprefix(begun)[: -len(end[0])]
                        stderr = output[STDERR][: -len(mark) - 2]
                        return Finished(int(end[1]), _text(stdout), _text(stderr))
            raise ExecInterruptedError(GONE, where=self.where)
        except ExecInterruptedError:
            if not output[STDOUT].startswith(begun):
                raise _NotBegunError from None
            raise

    def close(self) -> None:
        """Ends the exec."""
        hang_up(self._socket)


def execute(
    client: Client, namespace: str, pod: str, container: str, argv: Sequence[str], deadline: Deadline
) -> Finished:
    """Runs a command to its end as `streams.execute` does, by a shell that stays for the next one."""
    place = (namespace, pod, container)
    kept = client.shells.pop(place, None)
    if kept is not None:
        try:
            return _run(client, place, kept, argv, deadline)
        except _NotBegunError:  # it ended meanwhile
            pass
    shell = Shell(client, namespace, pod, container)
    try:
        return _run(client, place, shell, argv, deadline)
    except _NotBegunError:
        raise ExecInterruptedError("the container went away", where=shell.where) from None


def _run(
    client: Client, place: tuple[str, str, str], shell: Shell, argv: Sequence[str], deadline: Deadline
) -> Finished:
    """What the command came to; the shell is kept if it can go on, and nobody else kept another."""
    try:
        finished = shell.run(argv, deadline)
    except BaseException:
        shell.close()
        raise
    if client.shells.setdefault(place, shell) is not shell:
        shell.close()
    return finished


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
