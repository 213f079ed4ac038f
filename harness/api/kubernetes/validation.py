"""What the API server refuses, beyond the form of single fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.api.gateway_api import validation as gateway_validation
from harness.api.gateway_api.route import GROUP
from harness.api.kubernetes import network_policy_validation
from harness.api.kubernetes.workload import pod_template, replicas
from harness.api.objects import label_selector, spec_of
from harness.api.refusal import Refused
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from harness.base.resources import Resource

MAX_REPLICAS = 1000
"""Pods of one workload that the model follows one by one."""


def validate(resource: Resource) -> None:
    """Raises Refused as the API server does, NotModelledError for a workload of too many pods."""
    if resource.kind == "Service":
        _service(resource)
    elif resource.group == "apps":
        _workload(resource)
    elif resource.kind == "NetworkPolicy":
        network_policy_validation.validate(resource)
    elif resource.group == GROUP:
        gateway_validation.validate(resource)


def _service(resource: Resource) -> None:
    spec = spec_of(resource)
    if spec.get("type") == "ExternalName" and not spec.get("externalName"):
        raise Refused.invalid(resource, "spec.externalName: Required value")
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        raise Refused.invalid(resource, "spec.ports: Required value")
    for index, port in enumerate(ports):
        if len(ports) > 1 and not port.get("name"):
            raise Refused.invalid(resource, f"spec.ports[{index}].name: Required value")


def _workload(resource: Resource) -> None:
    labels = pod_template(resource)[0].get("labels") or {}
    selector = spec_of(resource)["selector"]
    if not label_selector(selector, labels) or not (
        selector.get("matchLabels") or selector.get("matchExpressions")
    ):
        words = f"Invalid value: {json.dumps(labels)}: `selector` does not match template `labels`"
        raise Refused.invalid(resource, f"spec.template.metadata.labels: {words}")
    if replicas(resource) > MAX_REPLICAS:
        raise not_modelled(resource, "spec.replicas", f"more than {MAX_REPLICAS} pods")
