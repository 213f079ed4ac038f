"""VirtualServices' retries, as the annotations of routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.base.durations import written

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.api.istio.http_rule import HTTPRule

_GRPC = frozenset("cancelled deadline-exceeded internal resource-exhausted unavailable".split())
_MAX_RETRIES = 20


def retry_annotations(draft: Draft, rule: HTTPRule) -> tuple[tuple[str, str], ...]:
    """Returns the annotations of a route that retries as a rule does; reports what changes."""
    retries, conditions = rule.retries, rule.retries.conditions
    attempts, wait = retries.attempts or 0, written(retries.per_try_timeout or 0)
    if attempts == 0:
        return ()
    statuses = [word for word in conditions if re.fullmatch("5xx|gateway-error|[1-5]..", word)]
    statuses += ["409"] if "retriable-4xx" in conditions else []
    grpc = [word for word in conditions if word in _GRPC]
    rest = [word for word in conditions if word not in (*statuses, *grpc, "retriable-4xx")]
    if rest or not conditions:
        words = ", ".join(rest) or "without conditions: failed connections"
        draft.report("retries.conditions", retries, "retryOn" if conditions else "attempts", conditions=words)
    if not statuses and not grpc:
        return ()
    if attempts > _MAX_RETRIES:
        draft.report("retries.many", retries, "attempts", attempts=attempts)
    annotations = {"limit": str(attempts)}
    if statuses:
        annotations["http"] = ",".join(dict.fromkeys(statuses))
    if grpc:
        annotations["grpc"] = ",".join(grpc)
        if not statuses:
            draft.report("retries.grpc", retries, "retryOn")
    if wait:
        annotations["timeout"] = wait
        draft.report("retries.timeout", retries, "perTryTimeout")
    return tuple(sorted((f"retry.linkerd.io/{name}", value) for name, value in annotations.items()))
