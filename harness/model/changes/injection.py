"""Pods as they are started: with which proxies the injectors' webhooks put into them, and as whom."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.kubernetes.webhooks import MUTATING
from harness.api.kubernetes.workload import host_names, pod_names, template_of
from harness.api.objects import annotations_of, labels_of
from harness.base.kept import per_object
from harness.base.vocabulary import Mesh, Workload
from harness.model.changes import webhooks
from harness.model.control_plane import Candidate
from harness.model.planes import CONTROL_PLANES
from harness.model.state import Pod, RunningContainer, namespace_object
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.kubernetes.pod import PodSpec, PodTemplate
    from harness.base.resources import Resource
    from harness.model.state import Objects

Injected = tuple[tuple[Proxy, ...], tuple[tuple[Mesh, str], ...]]


def start(objects: Objects, resource: Resource) -> tuple[Pod, ...]:
    """Returns the pods that a workload object runs if they are started now.

    What the namespace says at this moment, and the meshes' webhooks (those among the objects, or else a
    default installation's), decide what is injected. Raises NotModelledError for what injectors make of
    pods that the model doesn't understand.
    """
    namespace = objects.get("", "Namespace", "", resource.namespace) or namespace_object(resource.namespace)
    proxies, skipped = _inject(objects, resource, namespace)
    prefixes = tuple(prefix for plane in CONTROL_PLANES.values() for prefix in plane.inherited)
    notes = annotations_of(namespace).items()
    inherited = tuple((key, text) for key, text in notes if key.startswith(prefixes))
    account = template_of(resource).spec.service_account
    identities = tuple(identities_of(objects, resource.namespace, account).items())
    return _pods(resource, proxies, skipped, inherited, identities)


@per_object  # which is asked for the same pods whenever all are started anew
def _pods(
    resource: Resource,
    proxies: tuple[Proxy, ...],
    skipped: tuple[tuple[Mesh, str], ...],
    inherited: tuple[tuple[str, str], ...],
    identities: tuple[tuple[Mesh, str], ...],
) -> tuple[Pod, ...]:
    """The pods of a workload object, injected in this way."""
    template = template_of(resource)
    spec = template.spec
    containers = tuple(map(RunningContainer.of, spec.lasting))
    resolver, gateway, named_ports = spec.resolver, gateway_of(template), spec.named_ports
    return tuple(
        Pod(
            name=name,
            workload=Workload(resource.namespace, resource.name),
            labels=template.metadata.labels,
            annotations={**dict(inherited), **template.metadata.annotations},
            service_account=spec.service_account,
            containers=containers,
            proxies=proxies,
            skipped=skipped,
            ready=len(proxies) < 2,
            gateway=gateway,
            host_network=spec.host_network,
            hostname=hostname,
            subdomain=subdomain,
            resolver=resolver,
            named_ports=named_ports,
            identities=dict(identities),
            tunnel=tunnel_of(proxies),
        )
        for name in pod_names(resource)
        for hostname, subdomain in (host_names(resource, name),)
    )


def meshed(pod: Pod, mesh: Mesh) -> Pod:
    """Returns a pod as it would be if this mesh alone had injected it."""
    proxies = (Proxy(mesh, native=True),)
    return replace(pod, proxies=proxies, tunnel=tunnel_of(proxies))


def identities_of(objects: Objects, namespace: str, account: str) -> Mapping[Mesh, str]:
    """Returns the identities that pods of a ServiceAccount have if they start now, by mesh."""
    return {mesh: plane.identity(objects, namespace, account) for mesh, plane in CONTROL_PLANES.items()}


def gateway_of(template: PodTemplate) -> Mesh | None:
    """Returns the mesh as whose gateways pods run, None if they aren't any's."""
    return next((mesh for mesh, plane in CONTROL_PLANES.items() if plane.is_gateway(template)), None)


def tunnel_of(proxies: tuple[Proxy, ...]) -> int | None:
    """Returns the port on which pods with these proxies take what their mesh's other proxies send."""
    return CONTROL_PLANES[proxies[0].mesh].tunnel if proxies else None


def proxies_in(spec: PodSpec) -> dict[Mesh, Proxy]:
    """Returns the proxies that a pod's spec itself brings: injected by hand, or at its start."""
    found: dict[Mesh, Proxy] = {}
    for native, containers in ((True, spec.init_containers), (False, spec.containers)):
        names = [container.name for container in containers]
        found |= {mesh: Proxy(mesh, native) for mesh in Mesh if mesh.proxy in names}
    return found


def _inject(objects: Objects, resource: Resource, namespace: Resource) -> Injected:
    """The proxies of a workload's pods, and why others weren't injected; webhooks run by their names."""
    template = template_of(resource)
    metadata = template.metadata
    for owner, labels, notes in (
        (resource, metadata.labels, metadata.annotations),
        (namespace, labels_of(namespace), annotations_of(namespace)),
    ):
        for mesh, plane in CONTROL_PLANES.items():
            plane.check_marks(owner, labels, notes, installed=mesh in objects.meshes)
    present = proxies_in(template.spec)
    configurations = objects.all(*MUTATING)
    skipped: list[tuple[Mesh, str]] = []
    for mesh, plane in CONTROL_PLANES.items():
        if mesh not in objects.meshes:
            continue
        told = tuple(webhook for one in configurations for webhook in webhooks.of(one).get(mesh, ()))
        answer = plane.inject(Candidate(resource, namespace, metadata, template.spec, present), told)
        if isinstance(answer, Proxy):
            present[mesh] = answer
        elif answer:
            skipped.append((mesh, answer))
    return tuple(present.values()), tuple(skipped)
