"""Where pods are in the network: their addresses themselves aren't modelled."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING

from harness.model.objects import not_modelled

if TYPE_CHECKING:
    from harness.resources import Resource

POD_NETWORK = ip_network("10.244.0.0/16")
"""The network that pods have their addresses from: kubeadm's and kind's default."""


def is_network(text: str) -> bool:
    """Returns whether a text is an IP address or a network (`10.0.0.0/8`)."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def covers_pods(resource: Resource, field: str, network: IPv4Network | IPv6Network) -> bool:
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
