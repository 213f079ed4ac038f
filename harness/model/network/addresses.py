"""Where pods are in the network: their own addresses are known from dumps alone; and what leads out of it."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from harness.base import explored
from harness.base.errors import not_modelled
from harness.base.networks import is_address, within

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import Pod, State

POD_NETWORK = IPv4Network("10.244.0.0/16")
"""The network that pods have their addresses from: kubeadm's and kind's default."""

SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
"""The network that Services have their addresses from: kubeadm's default, and kind's is inside it."""

# Top-level names that DNS never resolves [RFC 2606, RFC 6761, RFC 6762].
_NEVER_RESOLVED = frozenset(("example", "invalid", "local", "localhost", "test"))


def inside(address: str) -> bool:
    """Returns whether an IP address is a pod's or a Service's, by the networks that they are from."""
    networks = (POD_NETWORK, SERVICE_NETWORK)
    return is_address(address) and any(ip_address(address) in network for network in networks)


def leads_out(state: State, host: str, namespace: str) -> bool:
    """Returns whether a name or an address that nothing in the cluster has leads a pod of a namespace out.

    DNS is taken to resolve every name with a dot, but those under a top-level name that is reserved, and
    those that end like a Service's or a pod's: in `.svc`, in the cluster's domain, in one of its namespaces,
    or in a Service of the pod's own (a misspelt `service.namespace` or `pod.service` doesn't resolve).
    """
    return explored.of(_leads_out, state, host, namespace)


def _leads_out(state: State, host: str, namespace: str) -> bool:
    if is_address(host):
        return not inside(host)
    stem, _, last = host.rstrip(".").lower().rpartition(".")
    if not stem or last == "svc" or last in _NEVER_RESOLVED:
        return False
    return not (state.get("", "Namespace", "", last) or state.get("", "Service", namespace, last))


def contains(resource: Resource, field: str, network: IPv4Network | IPv6Network, pod: Pod) -> bool:
    """Returns whether a pod's address is in a network that a field of this object names.

    Raises NotModelledError where that depends on an address that nobody knows: of a pod whose dump isn't
    there, of a node (for a pod on its host's network), of a name outside of the cluster; also for a network
    that holds a part of the pods' addresses.
    """
    if isinstance(pod.ip, explored.Attribute):
        return within(pod.ip, str(network))
    return explored.of_pod(_contains, pod, (resource, field, str(network)))


def _contains(resource: Resource, field: str, block: str, pod: Pod) -> bool:
    network = ip_network(block)
    if is_address(pod.ip):
        return ip_address(pod.ip) in network
    if network.prefixlen == 0:
        return network.version == POD_NETWORK.version
    if pod.host_network or pod.outside:
        raise not_modelled(resource, field, f"whether {pod.workload} is in {network} isn't known")
    if not isinstance(network, IPv4Network) or not network.overlaps(POD_NETWORK):
        return False
    if network.supernet_of(POD_NETWORK):
        return True
    why = f"{network} is a part of the pods' network {POD_NETWORK}, and pods have no fixed address"
    raise not_modelled(resource, field, why)
