"""Pods as a dump of a live cluster shows them, in place of those that their templates would start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.api.kubernetes.workload import containers_of, resolver_of
from harness.api.objects import spec_of
from harness.base.vocabulary import Workload
from harness.model.changes.injection import is_gateway, proxies_in
from harness.model.istio import mesh_config
from harness.model.linkerd import config
from harness.model.state.pods import Pod

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.state.state import State

_OVER = ("Succeeded", "Failed")


def is_controlled(resource: Resource) -> bool:
    """Returns whether an object is a pod that a controller made: not one to apply."""
    return resource.kind == "Pod" and not resource.group and _controller(resource) is not None


def observe(state: State, resources: Iterable[Resource]) -> State:
    """Returns the state in which workloads run the pods that a dump shows of them.

    What those pods are is then as it was: their proxies, labels, addresses, and whether they are ready.
    A workload of which no pod is shown runs those of its template; a restart starts all anew.
    """
    shown: dict[Workload, tuple[Pod, ...]] = {}
    for resource in resources:
        status = resource.data.get("status")
        if resource.kind == "Pod" and not resource.group and isinstance(status, dict) and status:
            pods = shown.setdefault(_workload(resource), ())
            if status.get("phase") not in _OVER:
                shown[_workload(resource)] = (*pods, _pod(state, resource, status))
    return replace(state, running={**state.running, **shown}) if shown else state


def _pod(state: State, resource: Resource, status: dict[str, Any]) -> Pod:
    metadata, spec = resource.data.get("metadata") or {}, spec_of(resource)
    return Pod(
        name=resource.name,
        workload=_workload(resource),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        service_account=spec.get("serviceAccountName") or "default",
        containers=containers_of(spec),
        proxies=tuple(proxies_in(spec).values()),
        gateway=is_gateway(metadata, spec),
        ip=str(status.get("podIP") or ""),
        ready=_is_ready(metadata, status),
        host_network=bool(spec.get("hostNetwork")),
        hostname=spec.get("hostname") or "",
        subdomain=spec.get("subdomain") or "",
        resolver=resolver_of(spec),
        istio_domain=mesh_config.trust_domain(state),
        linkerd_domain=config.trust_domain(state),
    )


def _is_ready(metadata: dict[str, Any], status: dict[str, Any]) -> bool:
    """Whether Services send to the pod: its conditions say so, and it isn't being deleted."""
    conditions = {one.get("type"): one.get("status") for one in _mappings(status.get("conditions"))}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in metadata


def _controller(resource: Resource) -> dict[str, Any] | None:
    owners = _mappings((resource.data.get("metadata") or {}).get("ownerReferences"))
    return next((owner for owner in owners if owner.get("controller") and owner.get("name")), None)


def _mappings(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _workload(resource: Resource) -> Workload:
    """What a pod belongs to: a ReplicaSet is its Deployment's, by the hash that both have in common."""
    owner = _controller(resource)
    if owner is None:
        return Workload(resource.namespace, resource.name)
    suffix = f"-{((resource.data.get('metadata') or {}).get('labels') or {}).get('pod-template-hash')}"
    name = str(owner["name"])
    of_deployment = owner.get("kind") == "ReplicaSet"
    return Workload(resource.namespace, name.removesuffix(suffix) if of_deployment else name)
