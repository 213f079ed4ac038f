"""Workloads: the objects that pods are made of."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.api import field
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.pod import PodTemplate
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec
from harness.base.resources import per_object
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.base.resources import Resource

WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds of the API group apps that keep pods running, and start them anew as their template changes."""

_WORKLOADS = (
    *(("apps", kind) for kind in (*WORKLOAD_KINDS, "ReplicaSet")),
    ("", "Pod"),
    ("", "ReplicationController"),
)
ENDING_KINDS = (("batch", "Job"), ("batch", "CronJob"))
"""Kinds that make pods which come to an end."""

_ENDING = ("", "batch")
"""API groups that have pod templates of what comes to an end, or of nothing that runs."""

_HASHES = ("pod-template-hash", "rollouts-pod-template-hash")
"""Labels that a Deployment, or Argo's Rollout, gives to its ReplicaSets' pods: their names end with it."""

# The letters of Kubernetes' generated names [k8s.io/apimachinery/pkg/util/rand].
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Ordinals(Node):
    """How a StatefulSet numbers its pods."""

    start = field.integer("start")


class PodController(Spec):
    """The spec of a Deployment, StatefulSet, DaemonSet, ReplicaSet or Job."""

    replicas = field.integer("replicas")
    selector = field.node("selector", LabelSelector)
    template = field.node("template", PodTemplate)
    service_name = field.text("serviceName")
    ordinals = field.node("ordinals", Ordinals)


class JobTemplate(Node):
    """What a CronJob makes."""

    spec = field.node("spec", PodController)


class CronJob(Spec):
    """The spec of a CronJob."""

    job = field.node("jobTemplate", JobTemplate)


@per_object
def is_workload(resource: Resource) -> bool:
    """Returns whether pods are made of an object that go on running.

    So it is with Kubernetes' own kinds, and with all others that have a pod template at `spec.template`:
    Argo's Rollouts, Knative's Services, OpenShift's DeploymentConfigs and so on.
    """
    if (resource.group, resource.kind) in _WORKLOADS:
        return True
    return resource.group not in _ENDING and _has_template(resource.data)


def _has_template(data: Mapping[str, Any]) -> bool:
    for name in ("spec", "template", "spec"):
        inner = data.get(name)
        data = inner if isinstance(inner, dict) else {}
    containers = data.get("containers")
    return isinstance(containers, list) and bool(containers)


@per_object
def template_of(resource: Resource) -> PodTemplate:
    """Returns the kept reading of the pods that a workload object (or Pod) makes; empty for other kinds."""
    if resource.kind == "Pod":
        return PodTemplate(resource, "", resource.data)
    if resource.kind == "CronJob":
        return CronJob.kept(resource).job.spec.template
    return PodController.kept(resource).template


def renamed(resource: Resource, name: str, variables: Mapping[str, str]) -> Resource:
    """Returns a workload object by another name, with these variables alone in its containers."""
    data = deepcopy(resource.data)
    data["metadata"]["name"] = name
    for container in data["spec"]["template"]["spec"]["containers"]:
        container["env"] = [{"name": key, "value": value} for key, value in variables.items()]
    return replace(resource, name=name, data=data)


def made_by(pod: Resource) -> Workload | None:
    """Returns the Deployment, StatefulSet or other controller that made a pod, if one did.

    A ReplicaSet is its Deployment's, by the hash that both have in common.
    """
    metadata = Metadata.of(pod)
    owner = metadata.controller
    if owner is None:
        return None
    hashes = (metadata.labels.get(label) for label in _HASHES)
    suffix = f"-{next(filter(None, hashes), '')}" if owner.kind == "ReplicaSet" else ""
    return Workload(pod.namespace, owner.name.removesuffix(suffix))


def same_pods(before: Resource, after: Resource) -> bool:
    """Returns whether two versions of a workload object make equal pods, and as many."""

    def written(resource: Resource) -> tuple[object, ...]:
        template = template_of(resource)
        return template.metadata.data, template.spec.data, replicas(resource)

    return written(before) == written(after)


def workloads(resources: Iterable[Resource]) -> tuple[Workload, ...]:
    """Returns the workloads among these objects, but Pods that nobody keeps running."""
    controllers = (each for each in resources if each.kind != "Pod" and is_workload(each))
    return tuple(Workload(each.namespace, each.name) for each in controllers)


def replicas(resource: Resource) -> int:
    """Returns how many pods a workload object runs; a DaemonSet runs one (the model has one node)."""
    if resource.kind in ("Pod", "DaemonSet"):
        return 1
    wanted = PodController.kept(resource).replicas
    return 1 if wanted is None else wanted


def pod_names(resource: Resource) -> tuple[str, ...]:
    """Returns names like those that Kubernetes generates; equal templates give equal names."""
    if resource.kind == "Pod":
        return (resource.name,)
    count = replicas(resource)
    if resource.kind == "StatefulSet":
        first = PodController.kept(resource).ordinals.start or 0
        return tuple(f"{resource.name}-{first + index}" for index in range(count))
    template = template_of(resource)
    seed = f"{resource}{sorted(template.metadata.labels.items())}{template.spec.data}"
    middle = f"-{_letters(seed, 10)}" if resource.kind == "Deployment" else ""
    return tuple(f"{resource.name}{middle}-{_letters(f'{seed}{index}', 5)}" for index in range(count))


def host_names(resource: Resource, name: str) -> tuple[str, str]:
    """Returns hostname and subdomain of a workload object's pod; a StatefulSet gives its pods both."""
    if resource.kind == "StatefulSet":
        return name, PodController.kept(resource).service_name
    spec = template_of(resource).spec
    return spec.hostname, spec.subdomain


def _letters(seed: str, count: int) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:count])
