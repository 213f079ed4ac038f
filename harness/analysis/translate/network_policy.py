"""NetworkPolicy: it stays as it is, and may keep out what Linkerd's proxies send each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from harness.api.kubernetes.network_policy import NetworkPolicy
from harness.base.vocabulary import Mesh
from harness.model.planes import CONTROL_PLANES

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.api.kubernetes.network_policy import NetworkPolicyPort, NetworkPolicyRule

_DIRECTIONS: tuple[Literal["ingress", "egress"], ...] = ("ingress", "egress")
_PORT = CONTROL_PLANES[Mesh.LINKERD].tunnel or 0


def check(draft: Draft) -> None:
    """Reports rules by which pods that move speak with pods on ports that aren't those of Linkerd's proxies.

    [Linkerd: Network Policy]
    """
    for policy in map(NetworkPolicy.of, draft.estate.all("networking.k8s.io", "NetworkPolicy")):
        if policy.resource.namespace not in draft.moving:
            continue
        for direction in _DIRECTIONS:
            for rule in policy.rules(direction) if direction in policy.directions else ():
                if _keeps_out(rule):
                    draft.report("network-policy", rule, "ports", port=_PORT)


def _keeps_out(rule: NetworkPolicyRule) -> bool:
    """Whether a rule lets pods' connections through, but not to the proxies' port."""
    ports = [port for port in rule.ports if port.protocol == "TCP"]
    of_pods = not rule.peers or any(not peer.block for peer in rule.peers)
    return of_pods and bool(ports) and not any(map(_covers, ports))


def _covers(port: NetworkPolicyPort) -> bool:
    if not isinstance(port.port, int):
        return port.port is None
    return port.port <= _PORT <= (port.end or port.port)
