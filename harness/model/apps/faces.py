"""The Faces demo: face asks smiley (HTTP) and color (gRPC), and answers 200 whatever they say.

Facts from github.com/BuoyantIO/faces-demo (pkg/faces). The body is the service's JSON without
what isn't known (client_address, headers); that of a gRPC answer is the text of its first field.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.model.apps.base import App, AppRequest, http_only, http_to_grpc
from harness.model.distribution import ONE, Branch, certain, mapped, shares, then

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.api.headers import Headers
    from harness.model.message import Answers
    from harness.traffic.outcomes import Outcome

PORT = 8000

SMILEYS = {
    "Grinning": "&#x1F603;",
    "Sleeping": "&#x1F634;",
    "Cursing": "&#x1F92C;",
    "Kaboom": "&#x1F92F;",
    "HeartEyes": "&#x1F60D;",
    "Neutral": "&#x1F610;",
    "RollingEyes": "&#x1F644;",
    "Screaming": "&#x1F631;",
    "Vomiting": "&#x1F92E;",
}
COLORS = {
    "grey": "#BBBBBB",
    "black": "#000000",
    "white": "#FFFFFF",
    "darkblue": "#4477AA",
    "blue": "#66CCEE",
    "green": "#228833",
    "yellow": "#CCBB44",
    "red": "#EE6677",
    "purple": "#AA3377",
}

_CODES = {
    4: "DeadlineExceeded",
    5: "NotFound",
    7: "PermissionDenied",
    12: "Unimplemented",
    13: "Internal",
    14: "Unavailable",
}
_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)
_GATEWAY_TIMEOUT = 504


def smiley_of(name: str) -> str:
    """Returns the smiley that a name stands for; an unknown one is Vomiting."""
    if name in SMILEYS:
        return SMILEYS[name]
    if name.startswith("U+"):
        return f"&#x{name[2:]};"
    if name.startswith("&#x") or any(ord(letter) > 127 for letter in name):
        return name
    return SMILEYS["Vomiting"]


def _number(request: AppRequest, name: str) -> int:
    text = request.container.env.get(name, "0").strip()
    return int(text) if _NUMBER.fullmatch(text) else 0


def _troubled(request: AppRequest, title: str, calm: Answers, failed: Outcome) -> Answers:
    """The answers with the delays and errors that the environment asks for.

    ERROR_FRACTION fails one percent more than it says; DELAY_BUCKETS are equally likely, in ms.
    Raises NotModelledError for latches and rates, which depend on other requests.
    """
    env = request.container.env
    for name in ("LATCH_FRACTION", "MAX_RATE"):
        if env.get(name, "0") not in ("", "0", "0.0"):
            raise request.not_modelled(f"{title} with {name}={env[name]}")
    percent = min(max(_number(request, "ERROR_FRACTION"), 0), 100)
    share = min(Fraction(percent + 1, 100), ONE) if percent else Fraction(0)
    buckets = env.get("DELAY_BUCKETS", "").split(",")
    delays = [int(text) / 1000 for text in buckets if _NUMBER.fullmatch(text.strip())]

    def delayed(wait: float) -> Answers:
        branches = then(shares(((share, certain(failed), ()), (ONE - share, calm, ()))), lambda each: each)
        return mapped(branches, lambda outcome: replace(outcome, seconds=outcome.seconds + wait))

    return then(shares((1, wait, ()) for wait in delays or [0.0]), delayed)


def _http(request: AppRequest, title: str, answer: Callable[[], Answers]) -> Answers:
    """What the HTTP services do with a method: GET is answered, HEAD is 200, the rest 405."""
    http_only(request)
    method = request.message.method
    if method == "HEAD":
        return certain(request.outcome(body="", headers=_headers(request)))
    if method == "PUT" and title == "Smiley":
        raise request.not_modelled("PUT, which changes the smiley,")
    if method != "GET":
        return certain(_reply(request, 405, {"errors": [f"method {method} not allowed"]}))
    percent = _number(request, "ERROR_FRACTION")
    failed = _reply(request, 500, {"errors": [f"{title} error! (error fraction {percent}%)"]})
    return _troubled(request, title, answer(), failed)


def _headers(request: AppRequest) -> Headers:
    user = request.container.env.get("USER_HEADER_NAME", "X-Faces-User").lower()
    return (
        ("content-type", "application/json"),
        (user, request.message.header(user) or ""),
        ("user-agent", request.message.header("user-agent") or ""),
        ("x-faces-pod", request.pod.name),
    )


def _reply(request: AppRequest, status: int, data: dict[str, object], seconds: float = 0.0) -> Outcome:
    fields = {"path": request.message.path, "method": request.message.method, "status": status, **data}
    body = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return request.outcome(status, body, _headers(request), seconds=seconds)


def smiley(request: AppRequest) -> Answers:
    """Returns smiley's answer: the smiley that SMILEY names."""
    value = smiley_of(request.container.env.get("SMILEY") or "Grinning")
    return _http(request, "Smiley", lambda: certain(_reply(request, 200, {"smiley": value})))


def color(request: AppRequest) -> Answers:
    """Returns color's answer, which is gRPC only: the color that COLOR names."""
    message = request.message
    if not message.grpc:
        return http_to_grpc(request)
    if message.path == "/ColorService/UpdateColor":
        raise request.not_modelled("UpdateColor, which changes the color,")
    if message.path not in ("/ColorService/Center", "/ColorService/Edge"):
        return certain(request.outcome(body="", grpc_status=12))
    name = request.container.env.get("COLOR") or "blue"
    value = name if name.startswith("#") else COLORS.get(name, COLORS["yellow"])
    headers = (("content-type", "application/grpc"),)
    calm = certain(request.outcome(body=value, headers=headers, grpc_status=0))
    return _troubled(request, "Color", calm, request.outcome(body="", headers=headers, grpc_status=13))


def face(request: AppRequest) -> Answers:
    """Returns face's answer: both backends asked at once, as the face workload itself.

    A backend that fails shows as a cursing smiley (504: a sleeping one) or a grey color, with a line
    in `errors`; the status is 200 all the same. Takes as long as the slower backend.
    """
    return _http(request, "Face", lambda: _fanned_out(request))


def _fanned_out(request: AppRequest) -> Answers:
    def number(name: str) -> int:
        text = request.parameter(name) or ""
        return int(text) if _NUMBER.fullmatch(text) else -1

    env, message = request.container.env, request.message
    which = message.path.strip("/").partition("/")[0]
    user = env.get("USER_HEADER_NAME", "X-Faces-User")
    smiley_host, color_host = env.get("SMILEY_SERVICE", "smiley"), env.get("COLOR_SERVICE", "color")
    headers = (
        (user, message.header(user) or "unknown"),
        ("User-Agent", message.header("user-agent") or "unknown"),
    )
    method = "Center" if which == "center" else "Edge"
    url = f"http://{smiley_host}/{which}/?row={number('row')}&col={number('col')}"
    smileys = request.send(request.onward(url, headers))
    colors = request.send(
        request.onward(f"grpc://{color_host}/ColorService/{method}", (("x-faces-user", headers[0][1]),))
    )

    def both(first: Branch[Outcome], second: Branch[Outcome]) -> Branch[Outcome]:
        shown, trouble = _smiley_in(first.value, smiley_host)
        painted, more = _color_in(second.value, color_host)
        data: dict[str, object] = {"smiley": shown, "color": painted}
        if trouble or more:
            data["errors"] = [*trouble, *more]
        slower = max(first.value.seconds, second.value.seconds)
        outcome = _reply(request, 200, data, slower)
        return Branch(first.weight * second.weight, outcome, first.trace + second.trace)

    return tuple(both(first, second) for first in smileys for second in colors)


def _smiley_in(outcome: Outcome, host: str) -> tuple[str, list[str]]:
    if outcome.failure is not None:
        return SMILEYS["Cursing"], [f"smiley: couldn't make request to {host}: {outcome}"]
    if outcome.status != 200:
        detail = f" ({outcome.body})" if outcome.body else ""
        shown = SMILEYS["Sleeping" if outcome.status == _GATEWAY_TIMEOUT else "Cursing"]
        return shown, [f"smiley: error from {host}: {outcome.status:03d}{detail}"]
    try:
        return str(json.loads(outcome.body or "")["smiley"]), []
    except (ValueError, KeyError, TypeError):
        return SMILEYS["Cursing"], [f"smiley: couldn't decode response from {host}"]


def _color_in(outcome: Outcome, host: str) -> tuple[str, list[str]]:
    if outcome.failure is None and outcome.grpc_status == 0:
        return outcome.body or "", []
    target = host if ":" in host else f"{host}:80"
    code = outcome.grpc_status
    name = _CODES.get(code, f"code {code}") if code is not None else "Unavailable"
    text = next((value for key, value in outcome.headers if key == "grpc-message"), str(outcome))
    error = f"rpc error: code = {name} desc = {text}"
    return COLORS["grey"], [f"color: couldn't get color from {target}: {error}"]


def gui(request: AppRequest) -> Answers:
    """Returns the gui's answer: a page, a readiness path, and what face says under /face/."""
    http_only(request)
    message = request.message
    own = ("x-faces-podname", request.pod.name)
    names = (own, ("x-faces-pod", request.pod.name))
    if message.method not in ("GET", "HEAD"):
        return certain(request.outcome(405, f"method {message.method} not allowed", names))
    if message.path == "/ready":
        return certain(request.outcome(body="Ready and waiting!", headers=names))
    if message.path in ("/", "/index.html"):
        return certain(request.outcome(headers=(("content-type", "text/html"), *names)))
    if not message.path.startswith("/face/"):
        return certain(request.outcome(404, "file not found", names))
    host = request.container.env.get("FACE_SERVICE", "face")
    target = message.target.removeprefix("/face/")

    def passed_on(outcome: Outcome) -> Outcome:
        if outcome.failure is not None:
            return request.outcome(500, str(outcome.failure), names, seconds=outcome.seconds)
        pod = outcome.header("x-faces-pod") or request.pod.name
        headers = (("content-type", outcome.header("content-type") or ""), own, ("x-faces-pod", pod))
        return request.outcome(outcome.status or 0, outcome.body, headers, seconds=outcome.seconds)

    return mapped(request.send(request.onward(f"http://{host}/{target}", message.headers)), passed_on)


APPS = {
    f"ghcr.io/buoyantio/faces-{role}": App((PORT,), answer)
    for role, answer in (("face", face), ("smiley", smiley), ("color", color), ("gui", gui))
}
