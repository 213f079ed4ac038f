"""Names and addresses outside of the cluster: what answers there nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.networks import is_address
from harness.model.network.addresses import inside
from harness.traffic.outcomes import Outcome

if TYPE_CHECKING:
    from harness.model.state.state import State

# Top-level names that DNS never resolves [RFC 2606, RFC 6761, RFC 6762].
_NEVER_RESOLVED = frozenset(("example", "invalid", "local", "localhost", "test"))


def leads_out(state: State, host: str, namespace: str) -> bool:
    """Returns whether a name or an address that nothing in the cluster has leads a pod of a namespace out.

    DNS is taken to resolve every name with a dot, but those under a top-level name that is reserved, and
    those that end like a Service's or a pod's: in `.svc`, in the cluster's domain, in one of its namespaces,
    or in a Service of the pod's own (a misspelt `service.namespace` or `pod.service` doesn't resolve).
    """
    if is_address(host):
        return not inside(host)
    stem, _, last = host.rstrip(".").lower().rpartition(".")
    if not stem or last == "svc" or last in _NEVER_RESOLVED:
        return False
    return not (state.get("", "Namespace", "", last) or state.get("", "Service", namespace, last))


def left(host: str, port: int) -> Outcome:
    """Returns the outcome of a request that leaves the cluster to a port of a name or an address."""
    return Outcome(external=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
