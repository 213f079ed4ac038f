"""VirtualServices' retries, as the annotations of routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.durations import written

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.api.istio.http_rule import HTTPRule

_GRPC = frozenset("cancelled deadline-exceeded internal resource-exhausted unavailable".split())
_CONNECTION = frozenset("reset reset-before-request connect-failure refused-stream".split())
_MAX_RETRIES = 20


def retry_annotations(draft: Draft, rule: HTTPRule) -> tuple[tuple[str, str], ...]:
    """Returns the annotations of a route that retries as a rule does; reports what changes."""
    inner, resource = rule.retries, rule.resource
    attempts, conditions = inner.attempts or 0, inner.conditions
    wait = written(inner.per_try_timeout or 0)
    if attempts == 0:
        return ()
    statuses = [
        word for word in conditions if word in ("5xx", "gateway-error") or re.fullmatch("[1-5]..", word)
    ]
    statuses += ["409"] if "retriable-4xx" in conditions else []
    grpc = [word for word in conditions if word in _GRPC]
    rest = [
        word for word in conditions if word not in statuses and word not in _GRPC and word != "retriable-4xx"
    ]
    if rest or not conditions:
        said = ", ".join(rest) or "without conditions: failed connections"
        draft.report(
            Severity.CHANGED,
            "retries",
            resource,
            inner.at("retryOn" if conditions else "attempts"),
            f"Linkerd retries by the answer's status alone ({said})",
            "retry on gateway-error if failed connections matter",
        )
    if not statuses and not grpc:
        return ()
    if attempts > _MAX_RETRIES:
        draft.report(
            Severity.CHECK, "retries", resource, inner.at("attempts"), f"{attempts} retries multiply load", ""
        )
    found = {"retry.linkerd.io/limit": str(attempts)}
    if statuses:
        found["retry.linkerd.io/http"] = ",".join(dict.fromkeys(statuses))
    if grpc:
        found["retry.linkerd.io/grpc"] = ",".join(grpc)
        if not statuses:
            draft.report(
                Severity.CHANGED,
                "retries",
                resource,
                inner.at("retryOn"),
                "an annotation for gRPC alone makes Linkerd retry HTTP's 5xx, too",
                "",
            )
    if wait:
        found["retry.linkerd.io/timeout"] = wait
        draft.report(
            Severity.CHANGED,
            "retries",
            resource,
            inner.at("perTryTimeout"),
            "retry.linkerd.io/timeout doesn't bound the last try",
            "bound the whole request by a timeout",
        )
    return tuple(sorted(found.items()))
