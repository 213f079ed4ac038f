"""corsPolicy: what a client's Envoy does for browsers [Envoy: CORS filter]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.headers import HeaderChanges
from harness.model import replies

if TYPE_CHECKING:
    from harness.api.headers import Headers
    from harness.base.matching import TextMatch
    from harness.model.message import Message
    from harness.traffic.outcomes import Outcome


@dataclass(frozen=True)
class Cors:
    """Which origins may ask what; `max_age` in seconds; `forwards`: preflights of others go to the server."""

    origins: tuple[TextMatch, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: str = ""
    credentials: bool = False
    forwards: bool = True

    def allowed(self, message: Message) -> str:
        """Returns the request's origin if it is one that may ask, else an empty text."""
        origin = message.header("origin") or ""
        # What matches a lone asterisk lets every origin in.
        return origin if any(pattern.holds("*") or pattern.holds(origin) for pattern in self.origins) else ""

    def preflight(self, message: Message) -> Outcome | None:
        """Returns the proxy's own answer to a preflight; None for what goes on to the server."""
        method = message.header("access-control-request-method")
        if message.method != "OPTIONS" or not message.header("origin") or not method:
            return None
        origin = self.allowed(message)
        if not origin and self.forwards:
            return None
        headers = ",".join(self.headers)
        if self.headers == ("*",):
            headers = message.header("access-control-request-headers") or ""
        fields = (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true" if self.credentials else ""),
            ("access-control-allow-methods", method if self.methods == ("*",) else ",".join(self.methods)),
            ("access-control-allow-headers", headers),
            ("access-control-max-age", self.max_age),
        )
        return replies.envoy(message, 200, headers=tuple((name, text) for name, text in fields if text))

    def on_response(self, message: Message, headers: Headers) -> Headers:
        """Returns an answer's headers with those that tell a browser that the origin may read it."""
        origin = self.allowed(message)
        if not origin:
            return headers
        fields = (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true" if self.credentials else ""),
            ("access-control-expose-headers", ",".join(self.exposed)),
        )
        return HeaderChanges(set=tuple((name, text) for name, text in fields if text)).apply(headers)
