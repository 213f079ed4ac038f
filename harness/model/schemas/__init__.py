"""The kinds that the model reads, by API group, and those that it stores without reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.schemas import gateway_api, istio, kubernetes, linkerd
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.schema import Kind

KINDS: dict[tuple[str, str], Kind] = {
    **kubernetes.KINDS,
    **istio.KINDS,
    **gateway_api.KINDS,
    **linkerd.KINDS,
}
"""Kinds whose fields are checked, by API group and kind."""

MESH_OF_GROUP = dict.fromkeys(istio.GROUPS, Mesh.ISTIO) | dict.fromkeys(linkerd.GROUPS, Mesh.LINKERD)
"""The mesh that brings an API group; Gateway API's comes with either."""

GATEWAY_API = gateway_api.GROUPS[0]

READ = frozenset(kubernetes.KINDS)
"""Kubernetes' own kinds of which the model reads what traffic depends on."""

_INERT_BY_GROUP = {
    "": "ConfigMap Secret PersistentVolume PersistentVolumeClaim LimitRange ResourceQuota",
    "rbac.authorization.k8s.io": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "autoscaling": "HorizontalPodAutoscaler",
    "policy": "PodDisruptionBudget",
    "batch": "Job CronJob",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "StorageClass",
    "coordination.k8s.io": "Lease",
    "monitoring.coreos.com": "ServiceMonitor PodMonitor PrometheusRule",
}

INERT = istio.INERT | frozenset(
    (group, kind) for group, kinds in _INERT_BY_GROUP.items() for kind in kinds.split()
)
"""Kinds that requests don't notice: stored, and otherwise left alone."""
