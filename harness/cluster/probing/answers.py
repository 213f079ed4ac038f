"""What curl printed, read as answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.traffic.outcomes import Failure, Outcome, ServerSaw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base import Workload
    from harness.traffic.request import Request

BODY_CHARACTERS = 4096
"""What is kept of each answer's body."""

FAILURES = {
    1: Failure.HTTP09,
    6: Failure.RESOLVE,
    7: Failure.REFUSED,
    28: Failure.TIMEOUT,
    35: Failure.TLS,
    52: Failure.EMPTY_REPLY,
    55: Failure.RESET,
    56: Failure.RESET,
}
"""Curl's exit codes [curl(1), EXIT CODES]; 55 is a reset seen while sending."""

STREAM_ERRORS = (18, 92)
"""Curl's exit codes for an HTTP/2 stream that was reset, or ended too early."""

PROXY_REFUSALS = frozenset((7, 12, 14))
"""PERMISSION_DENIED, UNIMPLEMENTED and UNAVAILABLE [gRPC: status codes]."""

_POD_NAME = re.compile(r"[a-z0-9][-a-z0-9.]*[a-z0-9]")
_ECHO_FIELD = re.compile(r"(?:^|[^ -~])(RequestHeader|URL|Host)=([^\r\n]*)", re.MULTILINE)
"""A line of Istio's echo; over gRPC the first one comes behind bytes that say how long the message is."""

_TRAILER = re.compile(r"grpc-(?:status|message):")
"""What begins a call's trailers, which curl prints right behind the message."""

_GRPC_STATUS = re.compile(r"grpc-status: *(\d+)\r?\n")


@dataclass(frozen=True)
class CurlAnswer:
    """One request's answer as curl reported it; `status` is 0 where none came."""

    exit_code: int
    status: int
    seconds: float
    error: str
    headers: tuple[tuple[str, str], ...]
    body: str


def parse(text: str, mark: str) -> list[CurlAnswer]:
    """Returns the answers that stand in a probe's output, in the order of their sending by each client."""
    pieces = text.split(f"\n{mark}.\n")
    return [_answer(*piece.rpartition(f"\n{mark} ")[::2]) for piece in pieces[:-1]]


def _answer(body: str, report: str) -> CurlAnswer:
    fields, _, text = report.partition("\n")
    exit_code, status, seconds, error = fields.split(" ", 3)
    try:
        headers: dict[str, list[str]] = json.loads(text, strict=False)
    except ValueError:  # curl leaves bytes that aren't UTF-8 as they are
        headers = {}
    pairs = tuple((name, value.strip()) for name, values in headers.items() for value in values)
    return CurlAnswer(int(exit_code), int(status), float(seconds), error.strip(), pairs, body)


def outcome(answer: CurlAnswer, request: Request) -> Outcome:
    """Returns an answer as an outcome, still without backend and hop."""
    grpc_status = _grpc_status(answer) if request.grpc else None
    # With a grpc-status the answer was whole, though a stream reset behind it may make curl fail (92).
    if (answer.exit_code and grpc_status is None) or not answer.status:
        came = f"HTTP {answer.status}, then " if answer.status else ""
        return Outcome(
            failure=FAILURES.get(answer.exit_code, Failure.OTHER),
            detail=f"{came}{answer.error or 'failed'} (curl {answer.exit_code})",
            headers=answer.headers,
            seconds=answer.seconds,
        )
    # With gRPC curl prints the header block, the message and the trailers in one.
    return Outcome(
        status=answer.status,
        headers=answer.headers,
        body=None if request.grpc else answer.body[:BODY_CHARACTERS],
        seconds=answer.seconds,
        grpc_status=grpc_status,
        server_saw=server_saw(answer.body, request),
    )


def lost(answer: CurlAnswer) -> bool:
    """Whether curl lost an answer that came before it had sent its message.

    A proxy that refuses a gRPC call decides by the headers, answers, and resets the stream; curls before
    8.0 then may give up without having read the answer.
    """
    return answer.exit_code in STREAM_ERRORS and not answer.status


def refusal(answer: CurlAnswer) -> bool:
    """Whether a proxy refused a gRPC call: permission denied, no route, nobody there; or with its name."""
    by_name = any(name.lower() == "l5d-proxy-error" for name, _ in answer.headers)
    return by_name or _grpc_status(answer) in PROXY_REFUSALS


def _grpc_status(answer: CurlAnswer) -> int | None:
    statuses = _GRPC_STATUS.findall(answer.body)
    return int(statuses[-1]) if statuses else None


def server_saw(body: str, request: Request) -> ServerSaw | None:
    """Returns the request as the server's application tells it, if the body is a JSON echo.

    Understood are go-httpbin's /headers and /anything, and every object with `headers` (and `path`
    or `url`), such as the Faces demo's; and the lines of Istio's echo, over gRPC too.
    """
    echo = _echo(body)
    if echo is None:
        return _by_lines(body, request)
    flat = tuple(
        (str(name), str(value))
        for name, values in echo["headers"].items()
        for value in (values if isinstance(values, list) else [values])
    )
    by_header = next((value for name, value in flat if name.lower() == "host"), None)
    host = echo.get("host") or by_header or request.authority
    path = echo.get("path") or urlsplit(str(echo.get("url") or "")).path or request.path
    return ServerSaw(str(path), str(host), flat)


def _by_lines(body: str, request: Request) -> ServerSaw | None:
    """The request as Istio's echo writes it, a line a header, but for pseudo-headers [istio: test/echo]."""
    fields: dict[str, list[str]] = {}
    for name, value in _ECHO_FIELD.findall(body):
        fields.setdefault(name, []).append(value)
    pairs = (re.fullmatch("([^:]+):(.*)", text) for text in fields.get("RequestHeader", ()))
    headers = tuple((pair[1], pair[2]) for pair in pairs if pair)
    path = urlsplit(fields.get("URL", [""])[0]).path or request.path
    host = fields.get("Host", [request.authority])[0]
    return ServerSaw(path, host, headers) if headers else None


def _echo(body: str) -> dict[str, Any] | None:
    if not body.lstrip().startswith("{"):
        return None
    try:
        echo: dict[str, Any] = json.loads(body)
    except ValueError:
        return None
    return echo if isinstance(echo.get("headers"), dict) else None


def answering_pods(answer: CurlAnswer, pods: Mapping[str, Workload]) -> frozenset[str]:
    """Returns the pods of one workload whose names stand in the response's headers, or else in the body.

    Empty if none is named, or pods of several workloads. What an echo repeats of the client's
    headers isn't searched: it names the client's pod, if any.
    """
    echo = _echo(answer.body) or {}
    whole = _TRAILER.sub("\n", answer.body)
    own = json.dumps({key: echo[key] for key in echo if key != "headers"}) if echo else whole
    for text in ("\n".join(value for _, value in answer.headers), own):
        named = frozenset(word for word in _POD_NAME.findall(text) if word in pods)
        if named:
            return named if len({pods[name] for name in named}) == 1 else frozenset()
    return frozenset()
