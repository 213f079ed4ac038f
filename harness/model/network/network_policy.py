"""NetworkPolicy: which connections between pods the cluster's network lets through.

It is decided on connections, before any proxy of the server's pod: what counts is the pod's port, and
Linkerd's proxies connect to each other on a port of their own. What isn't allowed is dropped without a word:
the client waits. A plugin that enforces the policies is taken to be there (kind's does).
[Kubernetes: Network Policies; Linkerd: Network Policy]
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING

from harness.api.kubernetes.network_policy import NetworkPolicy
from harness.base import explored
from harness.base.vocabulary import Workload
from harness.model.network.addresses import contains
from harness.model.state import Pod, namespace_labels
from harness.model.state.tables import SelectorTable, per_state
from harness.traffic.trace import Action, Step, built_in, step, words

if TYPE_CHECKING:
    from harness.api.kubernetes.network_policy import (
        Direction,
        NetworkPolicyPeer,
        NetworkPolicyPort,
    )
    from harness.base.resources import Resource
    from harness.model.message import Arrival
    from harness.model.state import State

GROUP = "networking.k8s.io"

_DNS_PORT = 53
_DNS = Pod(
    name="kube-dns",
    workload=Workload("kube-system", "coredns"),
    labels={"k8s-app": "kube-dns"},
    annotations={},
    service_account="coredns",
    containers=(),
)


@dataclass(frozen=True)
class ConnectionVerdict:
    """Whether a connection gets through, and the policies and rules that say so."""

    allowed: bool
    trace: tuple[Step, ...] = ()


ALLOWED = ConnectionVerdict(allowed=True)


def judge(state: State, client: Pod, server: Pod, port: int, protocol: str = "TCP") -> ConnectionVerdict:
    """Returns whether a client's connection to a port of a server's pod is let through.

    Pods on their host's network are outside of all policies, and no pod is cut off from itself.
    """
    if _policies(state) is None:
        return ALLOWED
    if explored.is_explored(client):  # whom else the same holds for, the words don't say
        return ConnectionVerdict(explored.of_pod(_allows, client, (state,), (server, port, protocol)))
    return _judged(state, client, server, port, protocol)


def _allows(state: State, client: Pod, server: Pod, port: int, protocol: str) -> bool:
    return _judged(state, client, server, port, protocol).allowed


def _judged(state: State, client: Pod, server: Pod, port: int, protocol: str) -> ConnectionVerdict:
    if client.workload == server.workload and client.name == server.name:
        return ALLOWED
    trace: tuple[Step, ...] = ()
    sides: tuple[tuple[Pod, Pod, Direction], ...] = ((client, server, "egress"), (server, client, "ingress"))
    for pod, other, direction in sides:
        verdict = _direction(state, pod, other, direction, server, port, protocol)
        trace += verdict.trace
        if not verdict.allowed:
            return ConnectionVerdict(allowed=False, trace=trace)
    return ConnectionVerdict(allowed=True, trace=trace)


def arriving(state: State, arrival: Arrival) -> ConnectionVerdict:
    """Returns whether an arriving request's connection was let through."""
    tunnel = arrival.server.tunnel if arrival.tls is arrival.server.mesh else None
    return judge(state, arrival.client, arrival.server, tunnel or arrival.port)


def names(state: State, client: Pod) -> ConnectionVerdict:
    """Returns whether a pod's questions get through to the cluster's DNS: else no name resolves."""
    servers = _dns_servers(state) or (_DNS,)
    verdicts = [judge(state, client, server, _DNS_PORT, "UDP") for server in servers]
    return next((verdict for verdict in verdicts if verdict.allowed), verdicts[0])


def _direction(
    state: State, pod: Pod, other: Pod, direction: Direction, server: Pod, port: int, protocol: str
) -> ConnectionVerdict:
    """One side of a connection: free unless a policy selects its pod; then one rule must allow it."""
    if pod.host_network or pod.outside:
        return ALLOWED
    lost: list[Step] = []
    way = words("{} in", other.workload)
    if direction == "egress":
        way = words("{} out to {}", pod.workload, other.workload)
    for policy in _selecting(state, pod, direction):
        for rule in NetworkPolicy.kept(policy).rules(direction):
            ports, peers = rule.ports, rule.peers  # none of one kind is all
            fits = not ports or any(_port(part, server, port, protocol) for part in ports)
            if fits and (not peers or any(_peer(state, policy, peer, other) for peer in peers)):
                lets = step(policy, rule.path, Action.ALLOWED, "lets {} through on port {}", way, port)
                return ConnectionVerdict(allowed=True, trace=(lets,))
        text = "no rule lets {} through on port {}"
        lost.append(step(policy, f"spec.{direction}", Action.DENIED, text, way, port))
    if not lost:
        return ALLOWED
    text = "{} of {} is isolated: the connection is dropped, unanswered"
    dropped = built_in(Action.FAILED, text, direction, pod.workload)
    return ConnectionVerdict(allowed=False, trace=(*lost, dropped))


def _selecting(state: State, pod: Pod, direction: str) -> list[Resource]:
    """The policies that isolate a pod in a direction."""
    table = _policies(state)
    candidates = table.selecting(pod.namespace, pod.labels) if table else ()
    read = ((policy, NetworkPolicy.kept(policy)) for policy in candidates)
    return [policy for policy, own in read if direction in own.directions and own.pods.selects(pod.labels)]


@per_state
def _policies(state: State) -> SelectorTable[Resource] | None:
    """The policies by namespace and by labels that their pods must have; None if there are none."""
    entries = [
        (policy.namespace, NetworkPolicy.kept(policy).pods.match_labels, policy)
        for policy in state.all(GROUP, "NetworkPolicy")
    ]
    return SelectorTable(entries) if entries else None


def _port(part: NetworkPolicyPort, server: Pod, number: int, protocol: str) -> bool:
    wanted = part.port
    if part.protocol != protocol:
        return False
    if wanted is None:
        return True
    if isinstance(wanted, str):
        of_proxy = server.tunnel if server.mesh and wanted == server.mesh.proxy else None
        return (of_proxy or server.port(wanted, protocol)) == number
    return wanted <= number <= (part.end or wanted)


def _peer(state: State, policy: Resource, peer: NetworkPolicyPeer, other: Pod) -> bool:
    block = peer.block
    if block:
        inside, *outside = (ip_network(cidr, strict=False) for cidr in (block.cidr, *block.excluded))
        return contains(policy, block.path, inside, other) and not any(
            contains(policy, block.path, network, other) for network in outside
        )
    if other.outside or other.host_network:
        return False
    if peer.has("namespaceSelector"):
        namespace = state.get("", "Namespace", "", other.namespace)
        if not peer.namespaces.selects(namespace_labels(namespace, other.namespace)):
            return False
    elif other.namespace != policy.namespace:
        return False
    return peer.pods.selects(other.labels)


@per_state
def _dns_servers(state: State) -> tuple[Pod, ...]:
    """The pods of the cluster's DNS, where a dump shows them."""
    return tuple(
        pod
        for pod in state.pods
        if pod.namespace == _DNS.namespace and _DNS.labels.items() <= pod.labels.items()
    )
