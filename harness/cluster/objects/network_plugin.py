"""Whether a cluster's network plugin is known to enforce NetworkPolicies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.cluster.api.discovery import DAEMON_SETS

if TYPE_CHECKING:
    from harness.cluster.api.client import Client

ENFORCING = frozenset(
    "anetd antrea-agent azure-npm calico-node canal cilium kindnet kube-router ovnkube-node weave-net".split()
)
"""DaemonSets of plugins that do, kind's own since kind 0.24 [Kubernetes: Network Policies, prerequisites]."""


def lacking_enforcement(client: Client) -> str | None:
    """Returns why NetworkPolicies may act on nobody here, None if a plugin is there that enforces them."""
    names = {Metadata.live(item).name for item in client.list(DAEMON_SETS.collection())}
    if names & ENFORCING:
        return None
    return f"none of its DaemonSets is a plugin known to enforce NetworkPolicies ({', '.join(sorted(names))})"
