"""Istio's sample of an external authorizer, asked by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.distribution import certain

if TYPE_CHECKING:
    from harness.model.apps.base import Asked
    from harness.model.message import Answers

_HEADER, _RESULT = "x-ext-authz", "x-ext-authz-check-result"


def answer(asked: Asked) -> Answers:
    """Returns 200 to a request with the header `x-ext-authz: allow`, 403 to every other."""
    if asked.message.header(_HEADER) == "allow":
        return certain(asked.outcome(body="", headers=((_RESULT, "allowed"),)))
    body = f"denied by ext_authz for not found header `{_HEADER}: allow` in the request"
    return certain(asked.outcome(403, body, ((_RESULT, "denied"),)))
