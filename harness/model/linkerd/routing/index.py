"""What the policy controller's index takes of a route.

Its webhook admits filters that the index can't read. A route that comes new with one is as if it weren't
there, an update with one leaves the version before in force; the status says Accepted=True all the
same. What the webhook refuses the index can't read either: routes may be older than the webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import spec_of
from harness.model.linkerd.routing import limits

if TYPE_CHECKING:
    from harness.base.resources import Resource

_READABLE = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"))
_READABLE_GRPC = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier"))


def unreadable(resource: Resource) -> str | None:
    """Returns the first field that the index can't read, or None if it reads all (or it's no route)."""
    if resource.kind in ("TLSRoute", "TCPRoute"):
        return None if len(spec_of(resource).get("rules") or ()) == 1 else "spec.rules"
    if resource.kind not in ("HTTPRoute", "GRPCRoute"):
        return None
    if limits.refusal(resource):
        return "metadata.annotations"
    readable = _READABLE if resource.kind == "HTTPRoute" else _READABLE_GRPC
    for index, rule in enumerate(spec_of(resource).get("rules") or ()):
        for position, part in enumerate((rule or {}).get("filters") or ()):
            if part.get("type") not in readable:
                return f"spec.rules[{index}].filters[{position}]"
        for position, part in enumerate((rule or {}).get("matches") or ()):
            rpc = part.get("method")
            if isinstance(rpc, dict) and rpc.get("type") == "RegularExpression":
                return f"spec.rules[{index}].matches[{position}].method.type"
    return None


def accepts(resource: Resource) -> bool:
    """Returns whether the index takes this version of an object in."""
    return unreadable(resource) is None
