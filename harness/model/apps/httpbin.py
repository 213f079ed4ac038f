"""go-httpbin: tells what it was sent, waits and fails as asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.base.durations import seconds
from harness.model.apps.base import AppRequest, canonical, http_only
from harness.model.distribution import certain
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from harness.model.message import Answers
    from harness.traffic.outcomes import Outcome

_JSON = (("content-type", "application/json; charset=utf-8"),)
_LONGEST_DELAY = 10.0


def answer(request: AppRequest) -> Answers:
    """Returns the answer of the endpoints that follow; raises NotModelledError for the others."""
    http_only(request)
    name, _, rest = request.message.path.strip("/").partition("/")
    match name:
        case "":
            return certain(request.outcome(headers=(("content-type", "text/html; charset=utf-8"),)))
        case "headers":
            return certain(request.outcome(body=_json({"headers": _headers(request)}), headers=_JSON))
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
            return certain(request.outcome(body=_json({"hostname": name}), headers=_JSON))
        case _:
            raise request.not_modelled(f"go-httpbin's /{name}")


def _echoed(request: AppRequest, name: str, wait: float = 0.0) -> Outcome:
    message = request.message
    allowed = {"anything": message.method}.get(name, name.upper())
    if message.method != allowed and (allowed, message.method) != ("GET", "HEAD"):
        return request.outcome(405)
    args = grouped(parse_qsl(message.query, keep_blank_values=True))
    url = f"http://{message.authority}{message.target}"
    body = {"args": args, "headers": _headers(request), "method": message.method, "url": url}
    return request.outcome(body=_json(body), headers=_JSON, seconds=wait)


def _headers(request: AppRequest) -> dict[str, list[str]]:
    """Headers as Go writes their names, each with the list of its values; Host is among them."""
    headers = ((canonical(name), value) for name, value in request.message.headers)
    return grouped((("Host", request.message.authority), *headers))


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
