"""Bare connections: a line is sent that is neither HTTP nor TLS, and an answer waited for.

A client's proxy takes every connection at once: only the server's own bytes show that one got through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cluster.probing.answers import FAILURES
from harness.cluster.probing.curl import script, shares
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from harness.cluster.probing.answers import CurlAnswer
    from harness.traffic.request import Request

LINE = "harness\r\n"
"""What is sent: a protocol's detection needs a line to tell that it isn't HTTP."""

WAIT_SECONDS = 5
"""How long a server's answer is waited for."""

SILENT = "connected, and no answer"
"""The detail of a connection that stays open, and over which nothing comes."""

_TIMED_OUT = 28  # curl's exit code
_OWN_WORDS = ("server: envoy", "server: istio-envoy", "l5d-proxy-error")

_FIELDS = "%{exitcode} %{http_code} %{time_connect} %{errormsg}"


def command(request: Request, count: int, *, parallel: int, mark: str) -> list[str]:
    """Returns the argv that makes `count` connections and prints what came over each between `mark`s.

    Of all that curl speaks Gopher is a line and nothing else, and ends as soon as the server closes.
    """
    host = f"[{request.host}]" if ":" in request.host else request.host
    url = f"gopher://{host}:{request.port}/_{LINE.strip()}"
    arguments = ["-q", "-s", "--noproxy", "*", "--max-time", str(WAIT_SECONDS)]
    jobs = [f"1x{share}" for share in shares(count, parallel)]
    return script(jobs, url, arguments, f"{mark} {_FIELDS}\\n{{}}", mark)


def outcome(answer: CurlAnswer) -> Outcome:
    """Returns what a connection came to; `seconds` is the time until it stood.

    Bytes from the server show that it got through; a proxy that answers in HTTP has closed it.
    """
    if answer.body.strip():
        if any(words in answer.body.lower() for words in _OWN_WORDS):
            return Outcome(
                failure=Failure.EMPTY_REPLY, detail="a proxy refuses what isn't HTTP", body=answer.body
            )
        return Outcome(connected=True, body=answer.body, seconds=answer.seconds)
    if answer.exit_code == _TIMED_OUT and answer.seconds:
        return Outcome(connected=True, detail=SILENT, seconds=answer.seconds)
    if not answer.exit_code:
        return Outcome(failure=Failure.EMPTY_REPLY, detail="connected, then closed without a word")
    unresolved = answer.error.startswith("Resolving")  # in time: curl calls that a time-out
    return Outcome(
        failure=Failure.RESOLVE if unresolved else FAILURES.get(answer.exit_code, Failure.OTHER),
        detail=f"{answer.error or 'failed'} (curl {answer.exit_code})",
    )
