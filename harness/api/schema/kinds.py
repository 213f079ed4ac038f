"""The kinds that the model reads, by API group, and those that it stores without reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.schema import gateway_api, istio, kubernetes, linkerd
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.api.schema.shapes import Kind

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
    "": "Secret PersistentVolume PersistentVolumeClaim LimitRange ResourceQuota Node PodTemplate "
    "ComponentStatus",
    "rbac.authorization.k8s.io": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "autoscaling": "HorizontalPodAutoscaler",
    "policy": "PodDisruptionBudget",
    "batch": "Job CronJob",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "apiregistration.k8s.io": "APIService",
    "admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration "
    "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "StorageClass CSIDriver CSINode CSIStorageCapacity VolumeAttachment "
    "VolumeAttributesClass",
    "resource.k8s.io": "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice",
    "coordination.k8s.io": "Lease",
    "node.k8s.io": "RuntimeClass",
    "certificates.k8s.io": "CertificateSigningRequest ClusterTrustBundle",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io": "IngressClass IPAddress ServiceCIDR",
    "monitoring.coreos.com": "ServiceMonitor PodMonitor PrometheusRule",
}

INERT = istio.INERT | frozenset(
    (group, kind) for group, kinds in _INERT_BY_GROUP.items() for kind in kinds.split()
)
"""Kinds that requests don't notice: stored, and otherwise left alone."""
