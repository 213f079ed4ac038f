"""IP addresses and networks, as text."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from harness.base.matching import Asking


def is_network(text: str) -> bool:
    """Returns whether a text is an IP address or a network (`10.0.0.0/8`)."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Returns whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def within(address: str, block: str) -> bool:
    """Returns whether a text is an IP address in a network; an explored one is asked."""
    return address.within(block) if isinstance(address, Asking) else lies_in(address, block)


def lies_in(address: str, block: str) -> bool:
    """Returns whether a text is an IP address in a network."""
    return is_address(address) and ip_address(address) in _network(block)


@lru_cache(maxsize=4096)
def _network(block: str) -> IPv4Network | IPv6Network:
    return ip_network(block, strict=False)


def borders(block: str) -> tuple[str, ...]:
    """Returns the first address of a network, and those next to it, as far as there are such.

    Networks lie in each other or apart. So whatever part of all addresses some of them leave to each other,
    one of these is in it.
    """
    network = _network(block)
    first, last, every = (
        network.network_address,
        network.broadcast_address,
        ip_network(EVERYWHERE[network.version == 6]),
    )
    behind = () if last == every.broadcast_address else (str(last + 1),)
    before = () if first == every.network_address else (str(first - 1),)
    return (str(first), *behind, *before)


EVERYWHERE = ("0.0.0.0/0", "::/0")
"""The networks that have all addresses, of version 4 and of version 6."""
