"""A small echo server: `?status=N`, `?delay=3s` and `?flaky=K` shape its answer."""

from __future__ import annotations

import re
from dataclasses import replace
from posixpath import normpath
from typing import TYPE_CHECKING

from harness.base.durations import seconds
from harness.base.matching import query_values
from harness.model.apps.base import Asked, http_only
from harness.model.distribution import certain, shares

if TYPE_CHECKING:
    from harness.model.message import Answers

    pass


def answer(asked: Asked) -> Answers:
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
    flaky = _number(asked, "flaky")
    if flaky is not None:
        # After so many tries that failed in a row the turn is among the requests that are left.
        left = max(flaky - (message.attempt - 1), 1)
        right, wrong = asked.outcome(headers=served), asked.outcome(500, headers=served)
        return shares(((1, right, ()), (left - 1, wrong, ())))
    status = _number(asked, "status")
    delay = query_values(message.query, "delay")
    wait = seconds(delay[0]) or 0.0 if delay else 0.0
    return certain(asked.outcome(200 if status is None else status, headers=served, seconds=wait))


def _number(asked: Asked, name: str) -> int | None:
    """A query parameter's number; raises NotModelledError for one that is none."""
    values = query_values(asked.message.query, name)
    if values and not re.fullmatch("[0-9]{1,9}", values[0]):
        raise asked.not_modelled(f"{name}={values[0]}")
    return int(values[0]) if values else None


def _clean(path: str) -> str:
    slash = "/" if path.endswith("/") and path != "/" else ""
    return normpath(path).replace("//", "/") + slash if path != "/" else path
