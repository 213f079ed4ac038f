"""What the API server refuses of NetworkPolicies, beyond the form of single fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.objects import spec_of
from harness.api.refusal import Refused

if TYPE_CHECKING:
    from harness.base.resources import Resource


def validate(policy: Resource) -> None:
    """Raises Refused as the API server does, beyond the form of single fields."""
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec_of(policy).get(direction) or ()):
            field = f"spec.{direction}[{index}]"
            for position, peer in enumerate(rule.get(key) or ()):
                words = _peer_fault(peer)
                if words:
                    raise Refused.invalid(policy, f"{field}.{key}[{position}]: {words}")
            for position, part in enumerate(rule.get("ports") or ()):
                words = _port_fault(part)
                if words:
                    raise Refused.invalid(policy, f"{field}.ports[{position}].endPort: {words}")


def _peer_fault(peer: dict[str, Any]) -> str:
    if not peer:
        return "Required value: must specify a peer"
    if "ipBlock" in peer and len(peer) > 1:
        return "Forbidden: may not specify both ipBlock and another peer"
    return ""


def _port_fault(part: dict[str, Any]) -> str:
    port, end = part.get("port"), part.get("endPort")
    if end is None:
        return ""
    if port is None:
        return f"Invalid value: {end}: may not be specified when `port` is not specified"
    if isinstance(port, str):
        return f"Invalid value: {end}: may not be specified when `port` is non-numeric"
    return f"Invalid value: {port}: must be greater than or equal to `port`" if end < port else ""
