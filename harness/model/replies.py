"""Answers that proxies give by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from harness.api.headers import Headers
    from harness.model.message import Message

# How Envoy renders an HTTP status to a gRPC client [Envoy: Grpc::Utility::httpToGrpcStatus]. An
# unmatched route (404) so reads UNIMPLEMENTED, a denial (403) PERMISSION_DENIED.
_ENVOY_GRPC = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_UNKNOWN = 2

# How Linkerd's proxy does [linkerd2-proxy: app/core/src/errors/respond.rs]: an unmatched route
# reads NOT_FOUND, a timeout DEADLINE_EXCEEDED.
_LINKERD_GRPC = {403: 7, 404: 5, 429: 8, 500: 13, 502: 14, 503: 14, 504: 4}

_RESET_REASONS = {
    Failure.REFUSED: "remote connection failure",
    Failure.TIMEOUT: "connection timeout",
    Failure.OTHER: "remote connection failure",
    Failure.HTTP09: "protocol error",
}


def envoy(message: Message, status: int, body: str = "", headers: Headers = ()) -> Outcome:
    """Returns Envoy's own answer; to a gRPC request HTTP 200 with the gRPC status that stands for it."""
    headers = (*headers, ("server", "envoy"))
    if not message.grpc:
        return Outcome(status=status, headers=headers, body=body)
    if body:
        headers = (*headers, ("grpc-message", body))
    return Outcome(status=200, grpc_status=_ENVOY_GRPC.get(status, _UNKNOWN), headers=headers, body="")


def upstream_failure(message: Message, failure: Failure, *, retried: bool) -> Outcome:
    """Returns Envoy's answer where the connection to the server failed."""
    detail = "retried and the latest reset reason" if retried else "reset reason"
    reason = _RESET_REASONS.get(failure, "connection termination")
    status = 502 if failure is Failure.HTTP09 else 503
    words = f"upstream connect error or disconnect/reset before headers. {detail}: {reason}"
    return envoy(message, status, words)


def linkerd(
    message: Message, status: int, error: str = "", *, location: str = "", close: bool = False
) -> Outcome:
    """Returns the answer of Linkerd's proxy; to a gRPC request HTTP 200 with a gRPC status."""
    headers: Headers = (("l5d-proxy-error", error),) if error else ()
    if close:
        headers = (*headers, ("l5d-proxy-connection", "close"))
    if location:
        headers = (*headers, ("location", location))
    if not message.grpc:
        return Outcome(status=status, headers=headers, body="")
    return Outcome(status=200, grpc_status=_LINKERD_GRPC.get(status, _UNKNOWN), headers=headers, body="")


def closed(message: Message) -> Outcome:
    """Returns what a client sees of a connection that a proxy took, and then closed without a word."""
    return Outcome(failure=Failure.TLS if message.tls else Failure.EMPTY_REPLY)
