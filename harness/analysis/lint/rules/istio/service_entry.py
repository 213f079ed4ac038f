"""Traps in ServiceEntries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.lint.rules.istio.registry import SERVICE_ENTRY
from harness.api.istio.hosts import exported_to
from harness.api.istio.registry import ServiceEntry
from harness.base.listing import some
from harness.model.istio import mesh_config
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.registry import ServiceEntryPort
    from harness.base.resources import Resource
    from harness.model import State

_CAPTURE = "ISTIO_META_DNS_CAPTURE"
_ALLOCATE = ("ISTIO_META_DNS_AUTO_ALLOCATE", "PILOT_ENABLE_IP_AUTOALLOCATE")


@rule
def service_entry_address_missing(state: State) -> Iterator[Sign]:
    metadata = mesh_config.read(state).proxy.metadata
    if metadata.get(_CAPTURE) == "true" and any(metadata.get(key) == "true" for key in _ALLOCATE):
        return  # istiod gives an address to each
    for entry in map(ServiceEntry.kept, state.all(*SERVICE_ENTRY)):
        for port in entry.ports if not entry.addresses else ():
            if port.protocol.upper() in ("", "TCP"):
                yield seen(port, number=port.number)


@rule
def service_entry_protocols_conflict(state: State) -> Iterator[Sign]:
    entries = grouped(
        ((host, port.number), port)
        for entry in map(ServiceEntry.kept, state.all(*SERVICE_ENTRY))
        for host in entry.hosts
        for port in entry.ports
    )
    for (host, number), ports in entries.items():
        for port in ports:
            others = [other for other in ports if _clash(port, other)]
            if others:
                names = some(f"{other.protocol} in {other.resource}" for other in others)
                yield seen(port, "protocol", host=host, number=number, protocol=port.protocol, others=names)


def _clash(port: ServiceEntryPort, other: ServiceEntryPort) -> bool:
    """Whether two ports differ in protocol, and proxies of some namespace know both."""
    if port.protocol.upper() == other.protocol.upper() or port.resource is other.resource:
        return False
    own, theirs = _namespaces(port.resource), _namespaces(other.resource)
    return "*" in own | theirs or bool(own & theirs)


def _namespaces(entry: Resource) -> set[str]:
    return {entry.namespace if name == "." else name for name in exported_to(entry) or ("*",)}
