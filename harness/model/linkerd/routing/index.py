"""What the policy controller's index takes of a route.

Its webhook admits filters that the index can't read. A route that comes new with one is as if it weren't
there, an update with one leaves the version before in force; the status says Accepted=True all the
same. What the webhook refuses the index can't read either: routes may be older than the webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api.route import Route
from harness.api.linkerd import annotation
from harness.base import expressions
from harness.base.expressions import Dialect

if TYPE_CHECKING:
    from harness.base.resources import Resource

_READABLE = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"))
_READABLE_GRPC = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier"))


def unreadable(resource: Resource) -> str | None:
    """Returns the first field that the index can't read, or None if it reads all (or it's no route)."""
    if resource.kind in ("TLSRoute", "TCPRoute"):
        return None if len(Route.kept(resource).written_rules) == 1 else "spec.rules"
    if resource.kind not in ("HTTPRoute", "GRPCRoute"):
        return None
    if annotation.unreadable(resource):
        return "metadata.annotations"
    readable = _READABLE if resource.kind == "HTTPRoute" else _READABLE_GRPC
    for rule in Route.kept(resource).rules:
        for part in rule.filters:
            if part.type not in readable:
                return part.path
        for match in rule.matches:
            if match.rpc and match.rpc.is_regex:
                return f"{match.path}.method.type"
            for field, text in match.expressions:
                if expressions.fault(text.value, Dialect.RUST):
                    return field
    return None
