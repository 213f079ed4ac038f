"""How many requests a server's proxy counted on their way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh
from harness.cluster.probing.metrics import growth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LINKERD_ADMIN = ":4191"


def arrived(mesh: Mesh, before: str, after: str) -> int | None:
    """Returns how many requests came in between two readings of a proxy's counters.

    None if the proxy doesn't count them. Whose requests they were isn't told.
    """
    return _COUNTED[mesh](before, after)


def _by_istio(before: str, after: str) -> int | None:
    """By a sidecar, if it was asked to count at installation [istio_tls]."""
    counted = [
        sample.value
        for sample in growth(before, after, "envoy_http_downstream_rq_total")
        if sample.label("http_conn_manager_prefix").startswith("inbound_")
    ]
    return int(sum(counted)) if counted else None


def _by_linkerd(before: str, after: str) -> int:
    """By Linkerd's proxy, which shows a counter from its first request on, and counts who asks for those."""
    return sum(
        int(sample.value)
        for sample in growth(before, after, "request_total")
        if sample.label("direction") == "inbound" and not sample.label("target_addr").endswith(_LINKERD_ADMIN)
    )


_COUNTED: Mapping[Mesh, Callable[[str, str], int | None]] = {
    Mesh.ISTIO: _by_istio,
    Mesh.LINKERD: _by_linkerd,
}
