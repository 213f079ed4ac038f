"""IP addresses and networks, as text."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network


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
