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

from harness.model.apps.base import App, Asked, http_only, http_to_grpc
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


def _number(asked: Asked, name: str) -> int:
    text = asked.container.env.get(name, "0").strip()
    return int(text) if _NUMBER.fullmatch(text) else 0


def _troubled(asked: Asked, title: str, calm: Answers, failed: Outcome) -> Answers:
    """The answers with the delays and errors that the environment asks for.

    ERROR_FRACTION fails one percent more than it says; DELAY_BUCKETS are equally likely, in ms.
    Raises NotModelledError for latches and rates, which depend on other requests.
    """
    env = asked.container.env
    for name in ("LATCH_FRACTION", "MAX_RATE"):
        if env.get(name, "0") not in ("", "0", "0.0"):
            raise asked.not_modelled(f"{title} with {name}={env[name]}")
    percent = min(max(_number(asked, "ERROR_FRACTION"), 0), 100)
    share = min(Fraction(percent + 1, 100), ONE) if percent else Fraction(0)
    buckets = env.get("DELAY_BUCKETS", "").split(",")
    delays = [int(text) / 1000 for text in buckets if _NUMBER.fullmatch(text.strip())]

    def delayed(wait: float) -> Answers:
        branches = then(shares(((share, certain(failed), ()), (ONE - share, calm, ()))), lambda each: each)
        return mapped(branches, lambda outcome: replace(outcome, seconds=outcome.seconds + wait))

    return then(shares((1, wait, ()) for wait in delays or [0.0]), delayed)


def _http(asked: Asked, title: str, answer: Callable[[], Answers]) -> Answers:
    """What the HTTP services do with a method: GET is answered, HEAD is 200, the rest 405."""
    http_only(asked)
    method = asked.message.method
    if method == "HEAD":
        return certain(asked.outcome(body="", headers=_headers(asked)))
    if method == "PUT" and title == "Smiley":
        raise asked.not_modelled("PUT, which changes the smiley,")
    if method != "GET":
        return certain(_reply(asked, 405, {"errors": [f"method {method} not allowed"]}))
    percent = _number(asked, "ERROR_FRACTION")
    failed = _reply(asked, 500, {"errors": [f"{title} error! (error fraction {percent}%)"]})
    return _troubled(asked, title, answer(), failed)


def _headers(asked: Asked) -> Headers:
    user = asked.container.env.get("USER_HEADER_NAME", "X-Faces-User").lower()
    return (
        ("content-type", "application/json"),
        (user, asked.message.header(user) or ""),
        ("user-agent", asked.message.header("user-agent") or ""),
        ("x-faces-pod", asked.pod.name),
    )


def _reply(asked: Asked, status: int, data: dict[str, object], seconds: float = 0.0) -> Outcome:
    fields = {"path": asked.message.path, "method": asked.message.method, "status": status, **data}
    body = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return asked.outcome(status, body, _headers(asked), seconds=seconds)


def smiley(asked: Asked) -> Answers:
    """Returns smiley's answer: the smiley that SMILEY names."""
    value = smiley_of(asked.container.env.get("SMILEY") or "Grinning")
    return _http(asked, "Smiley", lambda: certain(_reply(asked, 200, {"smiley": value})))


def color(asked: Asked) -> Answers:
    """Returns color's answer, which is gRPC only: the color that COLOR names."""
    message = asked.message
    if not message.grpc:
        return http_to_grpc(asked)
    if message.path == "/ColorService/UpdateColor":
        raise asked.not_modelled("UpdateColor, which changes the color,")
    if message.path not in ("/ColorService/Center", "/ColorService/Edge"):
        return certain(asked.outcome(body="", grpc_status=12))
    name = asked.container.env.get("COLOR") or "blue"
    value = name if name.startswith("#") else COLORS.get(name, COLORS["yellow"])
    headers = (("content-type", "application/grpc"),)
    calm = certain(asked.outcome(body=value, headers=headers, grpc_status=0))
    return _troubled(asked, "Color", calm, asked.outcome(body="", headers=headers, grpc_status=13))


def face(asked: Asked) -> Answers:
    """Returns face's answer: both backends asked at once, as the face workload itself.

    A backend that fails shows as a cursing smiley (504: a sleeping one) or a grey color, with a line
    in `errors`; the status is 200 all the same. Takes as long as the slower backend.
    """
    return _http(asked, "Face", lambda: _fanned_out(asked))


def _fanned_out(asked: Asked) -> Answers:
    def number(name: str) -> int:
        text = asked.parameter(name) or ""
        return int(text) if _NUMBER.fullmatch(text) else -1

    env, message = asked.container.env, asked.message
    which = message.path.strip("/").partition("/")[0]
    user = env.get("USER_HEADER_NAME", "X-Faces-User")
    smiley_host, color_host = env.get("SMILEY_SERVICE", "smiley"), env.get("COLOR_SERVICE", "color")
    headers = (
        (user, message.header(user) or "unknown"),
        ("User-Agent", message.header("user-agent") or "unknown"),
    )
    method = "Center" if which == "center" else "Edge"
    url = f"http://{smiley_host}/{which}/?row={number('row')}&col={number('col')}"
    smileys = asked.send(asked.onward(url, headers))
    colors = asked.send(
        asked.onward(f"grpc://{color_host}/ColorService/{method}", (("x-faces-user", headers[0][1]),))
    )

    def both(first: Branch[Outcome], second: Branch[Outcome]) -> Branch[Outcome]:
        shown, trouble = _smiley_in(first.value, smiley_host)
        painted, more = _color_in(second.value, color_host)
        data: dict[str, object] = {"smiley": shown, "color": painted}
        if trouble or more:
            data["errors"] = [*trouble, *more]
        slower = max(first.value.seconds, second.value.seconds)
        outcome = _reply(asked, 200, data, slower)
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


def gui(asked: Asked) -> Answers:
    """Returns the gui's answer: a page, a readiness path, and what face says under /face/."""
    http_only(asked)
    message = asked.message
    own = ("x-faces-podname", asked.pod.name)
    names = (own, ("x-faces-pod", asked.pod.name))
    if message.method not in ("GET", "HEAD"):
        return certain(asked.outcome(405, f"method {message.method} not allowed", names))
    if message.path == "/ready":
        return certain(asked.outcome(body="Ready and waiting!", headers=names))
    if message.path in ("/", "/index.html"):
        return certain(asked.outcome(headers=(("content-type", "text/html"), *names)))
    if not message.path.startswith("/face/"):
        return certain(asked.outcome(404, "file not found", names))
    host = asked.container.env.get("FACE_SERVICE", "face")
    target = message.target.removeprefix("/face/")

    def passed_on(outcome: Outcome) -> Outcome:
        if outcome.failure is not None:
            return asked.outcome(500, str(outcome.failure), names, seconds=outcome.seconds)
        pod = outcome.header("x-faces-pod") or asked.pod.name
        headers = (("content-type", outcome.header("content-type") or ""), own, ("x-faces-pod", pod))
        return asked.outcome(outcome.status or 0, outcome.body, headers, seconds=outcome.seconds)

    return mapped(asked.send(asked.onward(f"http://{host}/{target}", message.headers)), passed_on)


APPS = {
    f"ghcr.io/buoyantio/faces-{role}": App((PORT,), answer)
    for role, answer in (("face", face), ("smiley", smiley), ("color", color), ("gui", gui))
}
