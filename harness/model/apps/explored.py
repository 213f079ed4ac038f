"""The application of a request that is explored: what it answers is asked for like all else of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.headers import OpenHeaders
from harness.base.explored import SECONDS, Seconds, Status
from harness.model.distribution import certain
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model.apps.base import AppRequest
    from harness.model.message import Answers

IMAGE = "any/explored:1"
"""The image of all applications while requests are explored."""

RESETS, STATUS, GRPC_STATUS = "resets", "status", "gRPC status"
"""The attributes of an application, beside its seconds: whether it ends connections, and its statuses."""


def answer(request: AppRequest) -> Answers:
    """Returns the answer that attributes say: the request's, if it is explored, else the environment's."""
    headers, grpc = request.message.headers, request.message.grpc
    if isinstance(headers, OpenHeaders):
        journal = headers.journal
        if journal.values.get(RESETS):
            return certain(Outcome(failure=Failure.RESET))
        status = Status(STATUS, journal) if not grpc else 200
        grpc_status = Status(GRPC_STATUS, journal) if grpc else None
        return certain(request.outcome(status, grpc_status=grpc_status, seconds=Seconds(journal)))
    env = request.container.env
    if RESETS in env:
        return certain(Outcome(failure=Failure.RESET))
    status, seconds = int(env.get(STATUS, 200)) if not grpc else 200, float(env.get(SECONDS, 0))
    return certain(
        request.outcome(status, grpc_status=int(env.get(GRPC_STATUS, 0)) if grpc else None, seconds=seconds)
    )


def environment(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the environment of an application that answers as attributes say, beside what is usual."""
    usual = {STATUS: 200, GRPC_STATUS: 0, SECONDS: 0.0, RESETS: False}
    return {name: str(values[name]) for name, value in usual.items() if values.get(name, value) != value}


def words(values: Mapping[str, Any]) -> str:
    """Returns how the application answers, empty if at once and well."""
    env = environment(values)
    told = {
        RESETS: "resets connections",
        STATUS: "answers {}",
        GRPC_STATUS: "answers with gRPC status {}",
        SECONDS: "answers after {} s",
    }
    return ", ".join(text.format(env[name]) for name, text in told.items() if name in env)
