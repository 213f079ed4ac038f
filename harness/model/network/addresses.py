"""Where pods are in the network: their own addresses are known from dumps alone."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from harness.base.errors import not_modelled
from harness.base.networks import is_address

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state.pods import Pod

POD_NETWORK = ip_network("10.244.0.0/16")
"""The network that pods have their addresses from: kubeadm's and kind's default."""


SERVICE_NETWORK = ip_network("10.96.0.0/12")
"""The network that Services have their addresses from: kubeadm's default, and kind's is inside it."""


def inside(address: str) -> bool:
    """Returns whether an IP address is a pod's or a Service's, by the networks that they are from."""
    known = (POD_NETWORK, SERVICE_NETWORK)
    return is_address(address) and any(ip_address(address) in network for network in known)


def contains(resource: Resource, field: str, network: IPv4Network | IPv6Network, pod: Pod) -> bool:
    """Returns whether a pod's address is in a network that a field of this object names.

    Raises NotModelledError where that depends on an address that nobody knows: of a pod whose dump isn't
    there, of a node (for a pod on its host's network), of a name outside of the cluster.
    """
    if is_address(pod.ip):
        return ip_address(pod.ip) in network
    if network.prefixlen == 0:
        return network.version == POD_NETWORK.version
    if pod.host_network or pod.outside:
        raise not_modelled(resource, field, f"whether {pod.workload} is in {network} isn't known")
    return _covers_pods(resource, field, network)


def _covers_pods(resource: Resource, field: str, network: IPv4Network | IPv6Network) -> bool:
    """Returns whether every pod's address is in a network; False if none's is.

    Raises NotModelledError for a network that holds a part of the pods' addresses.
    """
    if not isinstance(network, IPv4Network) or not isinstance(POD_NETWORK, IPv4Network):
        return False
    if network.supernet_of(POD_NETWORK):
        return True
    if not network.overlaps(POD_NETWORK):
        return False
    raise not_modelled(
        resource,
        field,
        f"{network} is a part of the pods' network {POD_NETWORK}, and pods have no fixed address",
    )
