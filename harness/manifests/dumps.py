"""What a live cluster adds to the objects that were applied to it: a dump is read without."""

from __future__ import annotations

from typing import Any

# What a cluster makes by itself, so that a dump of it isn't something to apply.
_KINDS = frozenset(("Event", "ControllerRevision", "PodMetrics"))
# ConfigMaps that controllers put into every namespace.
_BUNDLES = ("kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl")
_METADATA = ("managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink")
_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision")


def _is_pod(data: dict[str, Any]) -> bool:
    return (data.get("apiVersion"), data.get("kind")) == ("v1", "Pod")


def is_derived(data: dict[str, Any], *, running: bool) -> bool:
    """Returns whether a cluster made an object by itself, so that it isn't one to apply.

    With `running` a controller's pods are kept: they tell how the cluster ran.
    """
    metadata = data["metadata"]
    if running and _is_pod(data):
        return False
    owned = any(owner.get("controller") for owner in mappings(metadata.get("ownerReferences")))
    return (
        owned
        or data["kind"] in _KINDS
        or _written_by_controller(data, metadata)
        or (data["kind"] == "ConfigMap" and metadata["name"] in _BUNDLES)
    )


def _written_by_controller(data: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether a controller wrote endpoints: an EndpointSlice says so, Endpoints then name their pods."""
    if data["kind"] == "EndpointSlice":
        managed_by = (metadata.get("labels") or {}).get("endpointslice.kubernetes.io/managed-by")
        return str(managed_by).endswith("controller.k8s.io")
    if data["kind"] != "Endpoints" or "uid" not in metadata:
        return False
    subsets = mappings(data.get("subsets"))
    parts = [part for subset in subsets for key in subset for part in mappings(subset[key])]
    return not parts or any("targetRef" in part for part in parts)


def cleaned(data: dict[str, Any], namespace: str, *, running: bool) -> dict[str, Any]:
    """Returns an object's data without what a cluster added to it, in this namespace (empty: in none).

    With `running` pods keep their status, and Services their addresses.
    """
    metadata = data["metadata"]
    dumped = "uid" in metadata
    kept = {key: value for key, value in metadata.items() if key not in _METADATA}
    annotations = {
        key: value for key, value in (kept.pop("annotations", None) or {}).items() if key not in _ANNOTATIONS
    }
    if annotations:
        kept["annotations"] = annotations
    if namespace:
        kept["namespace"] = namespace
    kept_status = running and _is_pod(data)
    left = {key: value for key, value in data.items() if key != "status" or kept_status}
    left["metadata"] = kept
    return unassigned(left) if dumped and not running else left


def unassigned(data: dict[str, Any]) -> dict[str, Any]:
    """Returns a dumped object without what its cluster assigned: a Service's addresses and node ports."""
    spec = data.get("spec")
    if (data["apiVersion"], data["kind"]) != ("v1", "Service") or not isinstance(spec, dict):
        return data
    headless = spec.get("clusterIP") == "None"
    assigned = {"clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"}
    if not headless:
        assigned.add("clusterIP")
    kept = {key: value for key, value in spec.items() if key not in assigned}
    ports = mappings(kept.get("ports"))
    if ports:
        kept["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in ports]
    return {**data, "spec": kept}


def mappings(value: object) -> list[dict[str, Any]]:
    """Returns the mappings of a list; none if it is something else, or holds something else."""
    fits = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return value if isinstance(value, list) and fits else []
