"""Networks as Linkerd's kinds write them: a CIDR block, and blocks in it that don't count."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from harness.api.node import Node, derived, text, texts

Network = IPv4Network | IPv6Network


class NetworkBlock(Node):
    """A block of addresses; it and its exceptions may be written with host bits."""

    _cidr = text("cidr")
    _except = texts("except")

    @derived
    def cidr(self) -> Network:
        """The block; raises ValueError for what isn't one."""
        return ip_network(self._cidr, strict=False)

    @derived
    def exceptions(self) -> tuple[Network, ...]:
        """Blocks in it that don't count; raises ValueError for what isn't one."""
        return tuple(ip_network(block, strict=False) for block in self._except)


def within(inner: Network, outer: Network) -> bool:
    """Returns whether a block lies in another one, or is it."""
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
