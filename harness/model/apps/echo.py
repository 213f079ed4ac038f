"""A small echo server: `?status=N`, `?delay=3s` and `?flaky=K` shape its answer."""

from __future__ import annotations

from dataclasses import replace
from posixpath import normpath
from typing import TYPE_CHECKING

from harness.model.apps.base import Asked, http_only
from harness.model.distribution import Branches, certain, shares
from harness.model.durations import seconds
from harness.model.matching import query_values

if TYPE_CHECKING:
    from harness.traffic.outcomes import Outcome


def answer(asked: Asked) -> Branches[Outcome]:
    """Returns the echo; `flaky=K` fails all but each K-th request, whose turn it is isn't known.

    A path that isn't clean is redirected, as Go's ServeMux does.
    """
    http_only(asked)
    message = asked.message
    clean = _clean(message.path)
    if clean != message.path:
        target = replace(message, path=clean).target
        body = f'<a href="{target}">Temporary Redirect</a>.'
        return certain(asked.outcome(307, body, (("location", target),)))
    if message.path == "/healthz":
        return certain(asked.outcome(body="ok"))
    served = (("x-served-by", str(asked.pod.workload)),)
    flaky = query_values(message.query, "flaky")
    if flaky:
        # After so many tries that failed in a row the turn is among the requests that are left.
        left = max(int(flaky[0]) - (message.attempt - 1), 1)
        right, wrong = asked.outcome(headers=served), asked.outcome(500, headers=served)
        return shares(((1, right, ()), (left - 1, wrong, ())))
    status = query_values(message.query, "status")
    delay = query_values(message.query, "delay")
    wait = seconds(delay[0]) or 0.0 if delay else 0.0
    return certain(asked.outcome(int(status[0]) if status else 200, headers=served, seconds=wait))


def _clean(path: str) -> str:
    slash = "/" if path.endswith("/") and path != "/" else ""
    return normpath(path).replace("//", "/") + slash if path != "/" else path
