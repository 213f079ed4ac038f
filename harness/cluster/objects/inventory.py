"""What stands on a cluster: what the model needs to predict, and whether NetworkPolicies are enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.base.vocabulary import CONTROL_PLANES, LINKERD_NAMESPACE, ROOT_NAMESPACE
from harness.cluster.api.discovery import DAEMON_SETS
from harness.cluster.objects import snapshot

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.cluster.api.client import Client


SETTINGS = frozenset(((ROOT_NAMESPACE, "istio"), (LINKERD_NAMESPACE, "linkerd-config")))
"""The ConfigMaps, by namespace and name, in which the meshes keep what they were installed with."""

_DERIVED = frozenset(("Node", "MutatingWebhookConfiguration", "Endpoints", "EndpointSlice", "Secret"))


def standing(client: Client, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
    """Returns the objects in these namespaces, and what holds for the whole of these meshes, older first.

    Without what a cluster makes by itself: pods of controllers, endpoints, webhooks' certificates.
    """
    systems = {CONTROL_PLANES[mesh] for mesh in meshes}
    taken = snapshot.take(client, "the cluster", {*namespaces, *systems}).objects
    return tuple(one for one in taken if _is_mesh_wide(one, systems) or _is_own(one, namespaces))


def _is_mesh_wide(one: Resource, systems: Collection[str]) -> bool:
    if one.namespace not in systems:
        return False
    if one.kind == "ConfigMap":
        return (one.namespace, one.name) in SETTINGS
    return one.namespace == ROOT_NAMESPACE and one.group.endswith("istio.io")


def _is_own(one: Resource, namespaces: Collection[str]) -> bool:
    if one.home not in namespaces:
        return False
    controlled = Metadata.of(one).controller is not None
    default = one.kind == "ServiceAccount" and one.name == "default"
    return not (controlled or default or one.kind in _DERIVED)


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
