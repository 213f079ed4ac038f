"""The application of a request that is explored: what it answers is asked for like all else of a request."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from harness.api.headers import OpenHeaders
from harness.base.explored import SECONDS, Seconds, Status
from harness.model.distribution import certain
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.model.apps.base import AppRequest
    from harness.model.message import Answers

IMAGE = "any/explored:1"
"""The image of all applications while requests are explored."""

RESETS, STATUS, GRPC_STATUS = "resets", "status", "gRPC status"
"""The attributes of an application, beside its seconds: whether it ends connections, and its statuses."""

ATTRIBUTES = (RESETS, STATUS, GRPC_STATUS, SECONDS)
"""All attributes of an application."""


_answering: ContextVar[Mapping[str, Any] | None] = ContextVar("answering", default=None)
"""The attributes of the application while requests are decided that aren't explored."""


@contextmanager
def answering(values: Mapping[str, Any]) -> Iterator[None]:
    """Lets applications answer as attributes say, for as long as the context lasts."""
    token = _answering.set(values)
    try:
        yield
    finally:
        _answering.reset(token)


def answer(request: AppRequest) -> Answers:
    """Returns the answer that attributes say: the explored request's, or those of the context."""
    headers, grpc = request.message.headers, request.message.grpc
    journal = headers.journal if isinstance(headers, OpenHeaders) else None
    values = journal.values if journal else _answering.get() or {}
    if values.get(RESETS):
        return certain(Outcome(failure=Failure.RESET))
    if journal:
        status = 200 if grpc else Status(STATUS, journal)
        grpc_status = Status(GRPC_STATUS, journal) if grpc else None
        return certain(request.outcome(status, grpc_status=grpc_status, seconds=Seconds(journal)))
    status, grpc_status = (200, values.get(GRPC_STATUS, 0)) if grpc else (values.get(STATUS, 200), None)
    return certain(request.outcome(status, grpc_status=grpc_status, seconds=values.get(SECONDS, 0.0)))


def words(values: Mapping[str, Any]) -> str:
    """Returns how the application answers, empty if at once and well."""
    usual = {RESETS: False, STATUS: 200, GRPC_STATUS: 0, SECONDS: 0.0}
    texts = {
        RESETS: "resets connections",
        STATUS: "answers {}",
        GRPC_STATUS: "answers with gRPC status {}",
        SECONDS: "answers after {:g} s",
    }
    unusual = (name for name in texts if values.get(name, usual[name]) != usual[name])
    return ", ".join(texts[name].format(values[name]) for name in unusual)
