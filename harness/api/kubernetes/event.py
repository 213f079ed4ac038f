"""Events: what controllers tell of objects."""

from __future__ import annotations

from harness.api.node import Node, Object, node, text


class Involved(Node):
    """The object that an event is about."""

    kind = text("kind")
    name = text("name")


class Event(Object):
    """An Event."""

    type = text("type")
    reason = text("reason")
    message = text("message")
    about = node("involvedObject", Involved)
    last = text("lastTimestamp")
    first = text("eventTime")

    @property
    def when(self) -> str:
        """When it was told last (RFC 3339), empty if it doesn't say."""
        return self.last or self.first
