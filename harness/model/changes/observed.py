"""Pods as a dump of a live cluster shows them, in place of those that their templates would start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import PodStatus
from harness.api.kubernetes.workload import made_by, template_of
from harness.base.vocabulary import Workload
from harness.model.changes.injection import gateway_of, identities_of, proxies_in, tunnel_of
from harness.model.state import Pod, RunningContainer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.state import State


def is_controlled(resource: Resource) -> bool:
    """Returns whether an object is a pod that a controller made: not one to apply."""
    return resource.kind == "Pod" and not resource.group and Metadata.of(resource).controller is not None


def observe(state: State, resources: Iterable[Resource]) -> State:
    """Returns the state in which workloads run the pods that a dump shows of them.

    What those pods are is then as it was: their proxies, labels, addresses, and whether they are ready.
    A workload of which no pod is shown runs those of its template; a restart starts all anew.
    """
    shown: dict[Workload, tuple[Pod, ...]] = {}
    for resource in resources:
        if resource.kind != "Pod" or resource.group or not (status := PodStatus.of(resource)):
            continue
        workload = made_by(resource) or Workload(resource.namespace, resource.name)
        pods = shown.setdefault(workload, ())
        if not status.over:
            shown[workload] = (*pods, _pod(state, resource, workload, status))
    return replace(state, running={**state.running, **shown}) if shown else state


def _pod(state: State, resource: Resource, workload: Workload, status: PodStatus) -> Pod:
    template = template_of(resource)
    metadata, spec = template.metadata, template.spec
    proxies = tuple(proxies_in(spec).values())
    return Pod(
        name=resource.name,
        workload=workload,
        labels=metadata.labels,
        annotations=metadata.annotations,
        service_account=spec.service_account,
        containers=tuple(map(RunningContainer.of, spec.lasting)),
        proxies=proxies,
        gateway=gateway_of(template),
        ip=status.ip,
        ready=status.ready and not metadata.deleted,
        host_network=spec.host_network,
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        resolver=spec.resolver,
        named_ports=spec.named_ports,
        identities=identities_of(state, resource.namespace, spec.service_account),
        tunnel=tunnel_of(proxies),
    )
