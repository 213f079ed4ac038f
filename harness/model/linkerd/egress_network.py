"""EgressNetwork: which one sees a connection that leaves the cluster."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.api.linkerd.policy import EgressNetwork, Network, within
from harness.base import explored
from harness.base.errors import not_modelled
from harness.base.networks import is_address
from harness.model.linkerd import config
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def find(state: State, client: Pod, host: str) -> tuple[Resource | None, tuple[Step, ...]]:
    """Returns the EgressNetwork that a client's connection belongs to, if any, and why others don't count.

    Those of the client's namespace come instead of the installation's global ones; of those that hold the
    address the smallest, then the oldest [linkerd/linkerd2: policy-controller, egress_network.rs]. Raises
    NotModelledError where a host name may or may not be in a network.
    """
    own = explored.of(state.all, GROUP, "EgressNetwork", client.namespace)
    common = state.all(GROUP, "EgressNetwork", config.of(state).egress_namespace)
    text = "{} has EgressNetworks of its own"
    lost = [
        step(network, "metadata.namespace", Action.OUTRANKED, text, client.namespace)
        for network in common
        if own and network not in own
    ]
    sizes = [(_smallest(state, network, host), network) for network in own or common]
    text = "{} isn't in them"
    lost += [
        step(network, "spec.networks", Action.UNMATCHED, text, host)
        for size, network in sizes
        if size is None
    ]
    holding = [(size, network) for size, network in sizes if size is not None]
    ranked = [network for _, network in sorted(holding, key=lambda pair: pair[0])]  # stable: older first
    text = "another's network is smaller, or it is older"
    lost += [step(network, "spec.networks", Action.OUTRANKED, text) for network in ranked[1:]]
    return (ranked[0] if ranked else None), tuple(lost)


def accepted(state: State, network: Resource) -> bool:
    """Returns whether routes on it are accepted: none of its networks may reach into the cluster's."""
    inside = config.of(state).blocks
    return not any(
        (within(block, cidr) or within(cidr, block)) and not any(within(block, each) for each in excepted)
        for cidr, excepted in _networks(state, network)
        for block in inside
    )


def _smallest(state: State, network: Resource, host: str) -> int | None:
    """The size of the smallest of its networks that holds an address, None if none does."""
    sizes = [
        cidr.num_addresses - sum(exception.num_addresses for exception in excepted)
        for cidr, excepted in _networks(state, network)
        if _holds(state, network, host, cidr, excepted)
    ]
    return min(sizes, default=None)


def _holds(state: State, network: Resource, host: str, cidr: Network, excepted: tuple[Network, ...]) -> bool:
    """Whether a network holds an address; a host's is any outside of the cluster, over IPv4."""
    if is_address(host):
        ip = ip_address(host)
        return ip in cidr and not any(ip in each for each in excepted)
    if cidr.version == 6:
        return False
    inside = config.of(state).blocks
    if any(within(cidr, block) for block in inside):
        return False
    if cidr in _EVERYTHING and all(any(within(each, block) for block in inside) for each in excepted):
        return True
    why = f"the address of {host} isn't known, and may be in {cidr} or not"
    raise not_modelled(network, "spec.networks", why)


def _networks(state: State, network: Resource) -> list[tuple[Network, tuple[Network, ...]]]:
    """Its networks and their exceptions; by default everything but the cluster's own."""
    read = EgressNetwork.kept(network)
    if read.has("networks"):
        return [(block.cidr, block.exceptions) for block in read.networks]
    inside = config.of(state).blocks
    return [(cidr, tuple(block for block in inside if block.version == cidr.version)) for cidr in _EVERYTHING]
