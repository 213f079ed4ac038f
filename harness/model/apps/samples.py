"""Small samples: Istio's helloworld and authorizer, http-echo, podinfo, go-httpbin, echoes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.base.durations import seconds
from harness.model.apps.base import App, AppRequest, canonical, http_only
from harness.model.distribution import ONE, certain, mapped, shares
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from harness.model.message import Answers
    from harness.traffic.outcomes import Outcome

    pass

_AUTHORIZED_BY, _AUTHORIZER_RESULT = "x-ext-authz", "x-ext-authz-check-result"

_JSON = (("content-type", "application/json; charset=utf-8"),)

_LONGEST_DELAY = 10.0

_HTTPBIN_METHODS = "GET, POST, HEAD, PUT, DELETE, PATCH, QUERY, OPTIONS"


def _helloworld(version: str) -> App:
    def answer(request: AppRequest) -> Answers:
        http_only(request)
        shown = request.container.env.get("SERVICE_VERSION", version)
        match request.message.path:
            case "/hello":
                body = f"Hello version: {shown}, instance: {request.pod.name}\n"
                return certain(request.outcome(body=body))
            case "/health":
                return certain(request.outcome(body="Helloworld is healthy"))
        return certain(request.outcome(404))

    return App((5000,), answer)


def http_echo(request: AppRequest) -> Answers:
    """Returns the text of the container's `-text` (or ECHO_TEXT), with the status of `-status-code`."""
    http_only(request)
    texts = [*request.arguments("-text"), *request.arguments("--text")]
    text = texts[0] if texts else request.container.env.get("ECHO_TEXT", "hello-world")
    codes = [*request.arguments("-status-code"), *request.arguments("--status-code"), "200"]
    if request.message.path == "/health":
        return certain(request.outcome(body='{"status":"ok"}\n'))
    return certain(request.outcome(int(codes[0]), f"{text}\n", (("x-app-name", "http-echo"),)))


def podinfo(request: AppRequest) -> Answers:
    """Returns podinfo's answer: /status/N answers N, /delay/N waits N seconds; bodies aren't known."""
    http_only(request)
    name, _, value = request.message.path.strip("/").partition("/")
    if name == "status" and re.fullmatch("[2-5][0-9]{2}", value):
        return certain(request.outcome(int(value)))
    if name == "delay" and re.fullmatch("[0-9]{1,3}", value):
        return certain(request.outcome(seconds=float(value)))
    if name in ("status", "delay"):
        raise request.not_modelled(f"podinfo's /{name}/{value}", "/status/N and /delay/N of a number")
    return certain(request.outcome())


def fortio(request: AppRequest) -> Answers:
    """Returns fortio's echo: `?status=503:20` fails 20 % with 503, `?delay=1s` waits."""
    http_only(request)
    statuses, delay, wait = request.parameter("status"), request.parameter("delay"), request.delay
    if delay is not None and wait == 0.0:
        raise request.not_modelled(f"fortio's delay={delay}")
    if statuses is None:
        return certain(request.outcome(seconds=wait))
    parts = [re.fullmatch("([1-5][0-9]{2})(?::([0-9]{1,3}))?", part) for part in statuses.split(",")]
    chosen = [(int(part[1]), Fraction(int(part[2] or 100), 100)) for part in parts if part]
    left = ONE - sum((share for _, share in chosen), Fraction(0))
    if len(chosen) < len(parts) or left < 0:
        raise request.not_modelled(f"fortio's status={statuses}")
    return shares((share, request.outcome(code, seconds=wait), ()) for code, share in [*chosen, (200, left)])


def hello(request: AppRequest) -> Answers:
    """Returns nginxdemos/hello:plain-text's page, what changes as <…>; other tags' isn't known."""
    http_only(request)
    if not request.container.image.endswith(":plain-text"):
        return certain(request.outcome())
    body = (
        f"Server address: <ip>:{request.arrival.port}\n"
        f"Server name: {request.pod.name}\n"
        "Date: <date>\n"
        f"URI: {request.message.target}\n"
        "Request ID: <id>\n"
    )
    headers = (("content-type", "text/plain"), ("cache-control", "no-cache"))
    return certain(request.outcome(body=body, headers=headers))


def authorizer(request: AppRequest) -> Answers:
    """Returns what Istio's sample of an authorizer answers: 200 to `x-ext-authz: allow`, else 403."""
    if request.message.header(_AUTHORIZED_BY) == "allow":
        return certain(request.outcome(body="", headers=((_AUTHORIZER_RESULT, "allowed"),)))
    body = f"denied by ext_authz for not found header `{_AUTHORIZED_BY}: allow` in the request"
    return certain(request.outcome(403, body, ((_AUTHORIZER_RESULT, "denied"),)))


def slow(request: AppRequest) -> Answers:
    """Returns a plain 200, an hour later: it shows which time limit ends a request."""
    return certain(request.outcome(seconds=3600.0, grpc_status=0 if request.message.grpc else None))


def echo(request: AppRequest) -> Answers:
    """Returns a small echo: `?status=N` and `?delay=3s` shape it, `?flaky=K` fails all but each K-th request.

    Whose turn it is isn't known. A path that isn't clean is redirected, as Go's ServeMux does.
    """
    http_only(request)
    message = request.message
    slash = "/" if message.path.endswith("/") and message.path != "/" else ""
    clean = normpath(message.path).replace("//", "/") + slash
    if clean != message.path:
        target = replace(message, path=clean).target
        body = f'<a href="{target}">Temporary Redirect</a>.'
        return certain(request.outcome(307, body, (("location", target),)))
    if message.path == "/healthz":
        return certain(request.outcome(body="ok"))
    served = (("x-served-by", str(request.pod.workload)),)
    flaky = _number(request, "flaky")
    if flaky is not None:
        # After so many tries that failed in a row the turn is among the requests that are left.
        left = max(flaky - (message.attempt - 1), 1)
        right, wrong = request.outcome(headers=served), request.outcome(500, headers=served)
        return shares(((1, right, ()), (left - 1, wrong, ())))
    status = _number(request, "status")
    return certain(request.outcome(200 if status is None else status, headers=served, seconds=request.delay))


def _number(request: AppRequest, name: str) -> int | None:
    """A query parameter's number; raises NotModelledError for one that is none."""
    text = request.parameter(name)
    if text is not None and not re.fullmatch("[0-9]{1,9}", text):
        raise request.not_modelled(f"{name}={text}")
    return None if text is None else int(text)


def httpbin(request: AppRequest) -> Answers:
    """Returns what go-httpbin answers: it lets pages of any origin ask, and answers preflights itself."""
    http_only(request)
    message = request.message
    headers = [
        ("access-control-allow-origin", message.header("origin") or "*"),
        ("access-control-allow-credentials", "true"),
    ]
    if message.method != "OPTIONS":
        answers = _httpbin(request)
        return mapped(answers, lambda each: replace(each, headers=(*each.headers, *headers)))
    headers += [("access-control-allow-methods", _HTTPBIN_METHODS), ("access-control-max-age", "3600")]
    if asked := message.header("access-control-request-headers"):
        headers.append(("access-control-allow-headers", asked))
    return certain(request.outcome(body="", headers=tuple(headers)))


def _httpbin(request: AppRequest) -> Answers:
    """The answer of the endpoints that follow; raises NotModelledError for the others."""
    name, _, rest = request.message.path.strip("/").partition("/")
    match name:
        case "":
            return certain(request.outcome(headers=(("content-type", "text/html; charset=utf-8"),)))
        case "headers":
            return certain(
                request.outcome(body=_sorted_json({"headers": _header_lists(request)}), headers=_JSON)
            )
        case "anything" | "get" | "post" | "put" | "patch" | "delete":
            return certain(_echoed(request, name))
        case "status":
            if not re.fullmatch("[0-9]{3}", rest):
                raise request.not_modelled(f"/status/{rest}")
            return certain(request.outcome(int(rest), body=""))
        case "delay":  # a number of seconds, or a Go duration
            try:
                wait = float(rest)
            except ValueError:
                wait = seconds(rest) or -1.0
            if wait < 0:
                raise request.not_modelled(f"/delay/{rest}")
            return certain(_echoed(request, "anything", min(wait, _LONGEST_DELAY)))
        case "hostname":
            real = request.container.env.get("USE_REAL_HOSTNAME") in ("1", "true")
            name = request.pod.name if real else "go-httpbin"
            return certain(request.outcome(body=_sorted_json({"hostname": name}), headers=_JSON))
        case _:
            known = "/, /headers, /anything, /get (post, put, patch, delete), /status/N, /delay/N, /hostname"
            raise request.not_modelled(f"go-httpbin's /{name}", known)


def _echoed(request: AppRequest, name: str, wait: float = 0.0) -> Outcome:
    message = request.message
    allowed = {"anything": message.method}.get(name, name.upper())
    if message.method != allowed and (allowed, message.method) != ("GET", "HEAD"):
        return request.outcome(405)
    args = grouped(parse_qsl(message.query, keep_blank_values=True))
    url = f"http://{message.authority}{message.target}"
    body = {"args": args, "headers": _header_lists(request), "method": message.method, "url": url}
    return request.outcome(body=_sorted_json(body), headers=_JSON, seconds=wait)


def _header_lists(request: AppRequest) -> dict[str, list[str]]:
    """Headers as Go writes their names, each with the list of its values; Host is among them."""
    headers = ((canonical(name), value) for name, value in request.message.headers)
    return grouped((("Host", request.message.authority), *headers))


def _sorted_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


APPS = {
    "examples-helloworld-v1": _helloworld("v1"),
    "examples-helloworld-v2": _helloworld("v2"),
    "http-echo": App(None, http_echo),
    "podinfo": App(None, podinfo),
    "fortio": App(None, fortio),
}
