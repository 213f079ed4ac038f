"""An application that takes an hour for each answer: it shows which time limit ends a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.distribution import certain

if TYPE_CHECKING:
    from harness.model.apps.base import Asked
    from harness.model.message import Answers

SECONDS = 3600.0


def answer(asked: Asked) -> Answers:
    """Returns a plain 200, an hour later."""
    return certain(asked.outcome(seconds=SECONDS, grpc_status=0 if asked.message.grpc else None))
