"""How many requests a server's proxy counted on their way in."""

from __future__ import annotations

from harness.base.vocabulary import Mesh
from harness.cluster.probing.metrics import growth

_LINKERD_ADMIN = ":4191"


def arrived(mesh: Mesh, before: str, after: str) -> int | None:
    """Returns how many requests came in between two readings of a proxy's counters.

    None if the proxy doesn't count them: Istio's sidecars are asked to at installation [istio_tls]. Whose
    requests they were isn't told.
    """
    if mesh is Mesh.ISTIO:
        counted = [
            one.value
            for one in growth(before, after, "envoy_http_downstream_rq_total")
            if one.label("http_conn_manager_prefix").startswith("inbound_")
        ]
        return int(sum(counted)) if counted else None
    # Linkerd's proxies show a counter from its first request on, and count who asks for their own counters.
    return sum(
        int(one.value)
        for one in growth(before, after, "request_total")
        if one.label("direction") == "inbound" and not one.label("target_addr").endswith(_LINKERD_ADMIN)
    )
