"""What the API server refuses of NetworkPolicies, beyond the form of single fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.network_policy import NetworkPolicy
from harness.api.refusal import Refused

if TYPE_CHECKING:
    from harness.api.kubernetes.network_policy import NetworkPolicyPeer, NetworkPolicyPort
    from harness.base.resources import Resource


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does, beyond the form of single fields."""
    policy = NetworkPolicy.of(resource)
    for rule in (*policy.ingress, *policy.egress):
        for peer in rule.peers:
            if words := _peer_fault(peer):
                raise Refused.invalid(resource, peer.path, words)
        for port in rule.ports:
            if words := _port_fault(port):
                raise Refused.invalid(resource, port.at("endPort"), words)


def _peer_fault(peer: NetworkPolicyPeer) -> str:
    if not peer:
        return "Required value: must specify a peer"
    if peer.has("ipBlock") and len(peer.data) > 1:
        return "Forbidden: may not specify both ipBlock and another peer"
    return ""


def _port_fault(part: NetworkPolicyPort) -> str:
    port, end = part.port, part.end
    if end is None:
        return ""
    if port is None:
        return f"Invalid value: {end}: may not be specified when `port` is not specified"
    if isinstance(port, str):
        return f"Invalid value: {end}: may not be specified when `port` is non-numeric"
    return f"Invalid value: {port}: must be greater than or equal to `port`" if end < port else ""
