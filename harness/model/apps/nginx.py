"""nginxdemos/hello:plain-text: tells its pod's name and the URI. What changes is written as <…>."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.apps.base import Asked, http_only
from harness.model.distribution import certain

if TYPE_CHECKING:
    from harness.model.message import Answers

    pass


def answer(asked: Asked) -> Answers:
    """Returns the page; only the plain-text tag's is known, others answer 200 with a body unknown."""
    http_only(asked)
    if not asked.container.image.endswith(":plain-text"):
        return certain(asked.outcome())
    body = (
        f"Server address: <ip>:{asked.arrival.port}\n"
        f"Server name: {asked.pod.name}\n"
        "Date: <date>\n"
        f"URI: {asked.message.target}\n"
        "Request ID: <id>\n"
    )
    return certain(asked.outcome(body=body, headers=(("content-type", "text/plain"),)))
