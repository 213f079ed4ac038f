"""Command-line tools: kind, docker, istioctl, linkerd."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.base import StageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SITES = {
    "docker": "https://docs.docker.com/engine/install",
    "kind": "https://kind.sigs.k8s.io",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
    "istioctl": "https://istio.io/latest/docs/setup",
    "linkerd": "https://linkerd.io/2/getting-started",
}
"""Where tools are to be had."""

TAIL = 12  # lines of a failed tool's stderr that an error shows


class Run(Protocol):
    """Runs a tool to its end and returns its stdout; raises StageError if it fails."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        own_session: bool = False,
        answers: Collection[int] = (0,),
    ) -> str:
        """Runs `argv` for at most `timeout` seconds; exit statuses other than `answers` are failures."""


def find(tool: str) -> Path | None:
    """Returns the absolute path of a tool given by path or by its name on PATH, or None."""
    path = shutil.which(tool)
    return Path(path).absolute() if path else None


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    own_session: bool = False,
    answers: Collection[int] = (0,),
) -> str:
    """Returns the stdout of a tool; raises StageError with the command and the end of its stderr.

    `own_session` keeps the terminal's ^C from the tool: for clean-up that must not be cut short.
    """
    try:
        done = subprocess.run(
            argv,
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, **(env or {})},
            start_new_session=own_session,
            check=False,
        )
    except FileNotFoundError:
        raise StageError(f"`{argv[0]}` isn't installed", todo=f"put {Path(argv[0]).name} on PATH") from None
    except subprocess.TimeoutExpired as expired:
        raise StageError(
            f"`{shlex.join(argv)}` didn't end within {timeout:.0f} s", why=tail(expired.stderr or b"")
        ) from None
    if done.returncode not in answers:
        raise StageError(
            f"`{shlex.join(argv)}` failed with exit status {done.returncode}",
            why=tail(done.stderr) or tail(done.stdout),
        )
    return done.stdout


def tail(text: str | bytes) -> str:
    """Returns the last lines of a tool's output, without blank ones."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text
    lines = [line.rstrip() for line in decoded.splitlines() if line.strip()]
    return "\n       ".join(lines[-TAIL:])
