"""The echo servers of the Gateway API's conformance tests, one of which is Istio's own test server."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from harness.model.apps.base import AppRequest, canonical, http_only, http_to_grpc
from harness.model.distribution import certain, shares
from harness.model.state.tables import grouped
from harness.traffic.outcomes import Outcome

if TYPE_CHECKING:
    from harness.model.message import Answers
    from harness.model.state import RunningContainer

_GRPC_METHOD = "/proto.EchoTestService/Echo"
_GRPC_ECHO = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho"
_JSON = ("content-type", "application/json")


def basic(request: AppRequest) -> Answers:
    """Returns echo-basic's answer: the request as JSON; /status/N answers N, `?delay=1s` waits.

    As a gRPC server it answers the calls Echo and EchoTwo.
    """
    env, message = request.container.env, request.message
    if env.get("TCP_ECHO_SERVER"):
        raise request.not_modelled("echo-basic as a TCP server")
    if str(request.arrival.port) in tls_ports(request.container):
        return certain(Outcome(status=400, body="Client sent an HTTP request to an HTTPS server.\n"))
    if env.get("GRPC_ECHO_SERVER"):
        if not message.grpc:
            return http_to_grpc(request)
        called = message.path in (f"{_GRPC_ECHO}/Echo", f"{_GRPC_ECHO}/EchoTwo")
        return certain(request.outcome(body="", grpc_status=0 if called else 12))
    http_only(request)
    if message.path == "/health":
        return certain(request.outcome(body="OK"))
    if message.path.startswith("/status/"):
        code = message.target.removeprefix("/status/")
        return certain(request.outcome(int(code) if re.fullmatch("[0-9]{3}", code) else 400, body=""))
    body = {
        "path": message.target,
        "host": message.authority,
        "method": message.method,
        "proto": "HTTP/1.1",
        "headers": grouped((canonical(name), value) for name, value in message.headers),
        "httpPort": env.get("HTTP_PORT") or "3000",
        "namespace": env.get("NAMESPACE", request.pod.namespace),
        "ingress": env.get("INGRESS_NAME", ""),
        "service": env.get("SERVICE_NAME", ""),
        "pod": env.get("POD_NAME", request.pod.name),
    }
    answered = (*_asked_for(message.header("x-echo-set-header")), _JSON)
    return certain(request.outcome(body=json.dumps(body, indent=1), headers=answered, seconds=request.delay))


def tls_ports(container: RunningContainer) -> tuple[str, ...]:
    """Returns the ports on which echo-basic speaks TLS: one, if it has a certificate."""
    env = container.env
    return (env.get("HTTPS_PORT") or "8443",) if env.get("TLS_SERVER_CERT") else ()


def _asked_for(text: str | None) -> tuple[tuple[str, str], ...]:
    """The response headers that a request asks for: `name:value,name:value`."""
    pairs = (part.strip().partition(":") for part in text.split(",")) if text else ()
    return tuple((name.lower(), value) for name, _, value in pairs)


def advanced(request: AppRequest) -> Answers:
    """Returns Istio's echo: lines of `Name=value`; `codes`, `delay`, `headers` in the query shape it."""
    message = request.message
    if str(request.arrival.port) in (request.arguments("--grpc") or ["7070"]):
        if not message.grpc:
            return http_to_grpc(request)
        if message.path != _GRPC_METHOD:
            return certain(request.outcome(body="", grpc_status=12))
        body = _lines(request, ("StatusCode", "200"), ("Proto", "GRPC"))
        return certain(request.outcome(body=body, grpc_status=0))
    http_only(request)
    body = _lines(request, ("URL", message.target), ("Method", message.method), ("Proto", "HTTP/1.1"))
    headers = (*_asked_for(request.parameter("headers")), ("content-type", "application/text"))
    codes = request.parameter("codes")
    parts = ["200"] if codes is None else codes.split(",")
    if not all(re.fullmatch("[2-5][0-9]{2}(:[0-9]{1,6})?", part) for part in parts):
        raise request.not_modelled(f"codes={codes}")
    return shares(
        (int(part[4:] or 1), request.outcome(int(part[:3]), body, headers, seconds=request.delay), ())
        for part in parts
    )


def _lines(request: AppRequest, *own: tuple[str, str]) -> str:
    headers = sorted((canonical(name), value) for name, value in request.message.headers)
    fields = [
        ("ServiceVersion", "".join(request.arguments("--version")[:1])),
        ("ServicePort", str(request.arrival.port)),
        ("Host", request.message.authority),
        *own,
        ("IP", "<ip>"),
        *(("RequestHeader", f"{name}:{value}") for name, value in headers),
        ("Hostname", request.pod.name),
    ]
    return "".join(f"{name}={value}\n" for name, value in fields)
