"""What the policy controller's index takes of a route.

Its webhook admits filters that the index can't read. A route that comes new with one is as if
it weren't there, an update with one leaves the version before in force; the status says
Accepted=True all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.objects import spec_of

if TYPE_CHECKING:
    from harness.resources import Resource

_READABLE = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"))
_READABLE_GRPC = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier"))


def unreadable_filter(resource: Resource) -> str | None:
    """Returns the field of the first filter that the index can't read, or None (not a route, too)."""
    if resource.kind not in ("HTTPRoute", "GRPCRoute"):
        return None
    readable = _READABLE if resource.kind == "HTTPRoute" else _READABLE_GRPC
    for index, rule in enumerate(spec_of(resource).get("rules") or ()):
        for position, part in enumerate((rule or {}).get("filters") or ()):
            if part.get("type") not in readable:
                return f"spec.rules[{index}].filters[{position}]"
    return None


def accepts(resource: Resource) -> bool:
    """Returns whether the index takes this version of an object in."""
    return unreadable_filter(resource) is None
