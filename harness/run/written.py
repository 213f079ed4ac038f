"""Objects of a cluster as observations hold them: what somebody asked for, and no more."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api import GROUP
from harness.api.istio.gateway import MANAGED
from harness.api.kubernetes.metadata import labels_of
from harness.cluster.objects.snapshot import SETTINGS
from harness.cluster.ownership.ownership import MANAGED_BY, MANAGER
from harness.manifests.dumps import unassigned
from harness.manifests.self_signed import ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.base import Resource

Json = dict[str, Any]

ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")

_DEFAULTS: dict[str, Any] = {
    "protocol": "TCP",
    "sessionAffinity": "None",
    "internalTrafficPolicy": "Cluster",
    "type": "ClusterIP",
}
"""Of Services, what the API server writes where nothing is said [Kubernetes: API reference]."""

_OF_POD = (
    *("containers", "dnsConfig", "dnsPolicy", "hostNetwork", "hostname", "initContainers"),
    *("serviceAccount", "serviceAccountName", "subdomain"),
)
_OF_CONTAINER = (
    *("args", "command", "env", "image", "livenessProbe", "name", "ports", "readinessProbe"),
    *("restartPolicy", "startupProbe"),
)
"""What the model reads of pods."""


def mentioned(objects: Iterable[Resource], urls: Iterable[str]) -> frozenset[str]:
    """Returns the addresses that stand in objects, other than as their own, or in URLs."""
    texts = [json.dumps(unassigned(_without_status(each))) for each in objects]
    return frozenset(address for text in (*texts, *urls) for address in ADDRESS.findall(text))


def _without_status(resource: Resource) -> Json:
    return {key: value for key, value in resource.data.items() if key != "status"}


def is_told(resource: Resource) -> bool:
    """Returns whether nothing else tells of an object, as a release does of CRDs, a Gateway of its pods."""
    generated = resource.kind in ("Deployment", "Service", "ServiceAccount", "HorizontalPodAutoscaler")
    return not (
        (generated and MANAGED[0] in labels_of(resource))
        or (resource.kind == "CustomResourceDefinition" and resource.name.endswith(f".{GROUP}"))
    )


def plain(resource: Resource, addresses: Collection[str]) -> Json:
    """Returns an object without what its cluster added; a Service keeps an address that is one of these."""
    data: Json = json.loads(json.dumps(_without_status(resource)))
    _unmark(data["metadata"])
    if resource.kind == "Namespace":
        data.pop("spec", None)
    elif (resource.group, resource.kind) == ("", "Service"):
        own = data.get("spec", {}).get("clusterIP")
        data = _without_defaults(unassigned(data))
        if own in addresses:
            data["spec"]["clusterIP"] = own
    elif resource.kind == "ConfigMap" and resource.key in {("", "ConfigMap", *place) for place in SETTINGS}:
        data["metadata"] = {"name": resource.name, "namespace": resource.namespace}
    elif resource.kind == "Secret" and ANNOTATION in (data["metadata"].get("annotations") or {}):
        data.pop("stringData", None)  # whoever reads it gets a key of their own
    elif resource.group == "apps":
        template = data["spec"]["template"]
        data["spec"] = {"selector": data["spec"]["selector"], "template": template}
        template["spec"] = _pod(template["spec"])
    return data


def _unmark(metadata: Json) -> None:
    """Takes away what the harness and the API server write on all that they make."""
    labels = metadata.get("labels") or {}
    for name in MANAGED_BY:
        if labels.get(name) == MANAGER:
            del labels[name]
    for name in [name for name in labels if name.startswith(f"{MANAGER}/")]:
        del labels[name]
    labels.pop("kubernetes.io/metadata.name", None)
    for key in ("labels", "annotations"):
        if not metadata.get(key):
            metadata.pop(key, None)


def _pod(spec: Json) -> Json:
    kept = {key: value for key, value in spec.items() if key in _OF_POD}
    if kept.get("dnsPolicy") == "ClusterFirst":
        del kept["dnsPolicy"]
    for key in {"containers", "initContainers"} & kept.keys():
        kept[key] = [
            _without_defaults({name: part[name] for name in part if name in _OF_CONTAINER})
            for part in kept[key]
        ]
    return kept


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_defaults(item)
            for key, item in value.items()
            if key not in _DEFAULTS or item != _DEFAULTS[key]
        }
    return [_without_defaults(item) for item in value] if isinstance(value, list) else value
