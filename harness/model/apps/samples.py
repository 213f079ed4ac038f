"""Small samples: Istio's helloworld, http-echo, podinfo, fortio's echo."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.durations import seconds
from harness.base.matching import query_values
from harness.model.apps.base import App, Asked, http_only
from harness.model.distribution import ONE, certain, shares

if TYPE_CHECKING:
    from harness.model.message import Answers

    pass


def _helloworld(version: str) -> App:
    def answer(asked: Asked) -> Answers:
        http_only(asked)
        said = asked.container.env.get("SERVICE_VERSION", version)
        match asked.message.path:
            case "/hello":
                return certain(asked.outcome(body=f"Hello version: {said}, instance: {asked.pod.name}\n"))
            case "/health":
                return certain(asked.outcome(body="Helloworld is healthy"))
        return certain(asked.outcome(404))

    return App((5000,), answer)


def http_echo(asked: Asked) -> Answers:
    """Returns the text of the container's `-text` (or ECHO_TEXT), with the status of `-status-code`."""
    http_only(asked)
    texts = [*asked.arguments("-text"), *asked.arguments("--text")]
    text = texts[0] if texts else asked.container.env.get("ECHO_TEXT", "hello-world")
    codes = [*asked.arguments("-status-code"), *asked.arguments("--status-code"), "200"]
    if asked.message.path == "/health":
        return certain(asked.outcome(body='{"status":"ok"}\n'))
    return certain(asked.outcome(int(codes[0]), f"{text}\n", (("x-app-name", "http-echo"),)))


def podinfo(asked: Asked) -> Answers:
    """Returns podinfo's answer: /status/N answers N, /delay/N waits N seconds; bodies aren't known."""
    http_only(asked)
    name, _, value = asked.message.path.strip("/").partition("/")
    if name == "status" and re.fullmatch("[2-5][0-9]{2}", value):
        return certain(asked.outcome(int(value)))
    if name == "delay" and re.fullmatch("[0-9]{1,3}", value):
        return certain(asked.outcome(seconds=float(value)))
    if name in ("status", "delay"):
        raise asked.not_modelled(f"podinfo's /{name}/{value}")
    return certain(asked.outcome())


def fortio(asked: Asked) -> Answers:
    """Returns fortio's echo: `?status=503:20` fails 20 % with 503, `?delay=1s` waits."""
    http_only(asked)
    query = asked.message.query
    statuses, delays = query_values(query, "status"), query_values(query, "delay")
    wait = (seconds(delays[0]) if delays else None) or 0.0
    if delays and wait == 0.0:
        raise asked.not_modelled(f"fortio's delay={delays[0]}")
    if not statuses:
        return certain(asked.outcome(seconds=wait))
    parts = [re.fullmatch("([1-5][0-9]{2})(?::([0-9]{1,3}))?", part) for part in statuses[0].split(",")]
    chosen = [(int(part[1]), Fraction(int(part[2] or 100), 100)) for part in parts if part]
    left = ONE - sum((share for _, share in chosen), Fraction(0))
    if len(chosen) < len(parts) or left < 0:
        raise asked.not_modelled(f"fortio's status={statuses[0]}")
    return shares((share, asked.outcome(code, seconds=wait), ()) for code, share in [*chosen, (200, left)])


APPS = {
    "examples-helloworld-v1": _helloworld("v1"),
    "examples-helloworld-v2": _helloworld("v2"),
    "http-echo": App(None, http_echo),
    "podinfo": App(None, podinfo),
    "fortio": App(None, fortio),
}
