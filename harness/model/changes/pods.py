"""Pods: as they are started, with which proxies and as whom, or as a dump of a live cluster shows them."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.definition import MUTATING, MutatingWebhook, MutatingWebhookConfiguration
from harness.api.kubernetes.metadata import Metadata, annotations_of, labels_of
from harness.api.kubernetes.status import PodStatus
from harness.api.kubernetes.workload import host_names, made_by, pod_names, template_of
from harness.base.records import with_fields
from harness.base.resources import per_object
from harness.base.vocabulary import Mesh, Workload
from harness.model.control_plane import Candidate
from harness.model.planes import CONTROL_PLANES
from harness.model.state import Pod, RunningContainer, State, namespace_object
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.kubernetes.pod import PodSpec
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
    identities = tuple(_identities(objects, resource.namespace, account).items())
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
    workload = Workload(resource.namespace, resource.name)
    pod = _pod(resource, workload, proxies, dict(identities))
    pod = with_fields(
        pod, annotations={**dict(inherited), **pod.annotations}, skipped=skipped, ready=len(proxies) < 2
    )
    named = ((name, host_names(resource, name)) for name in pod_names(resource))
    return tuple(
        with_fields(pod, name=name, hostname=hostname, subdomain=subdomain)
        for name, (hostname, subdomain) in named
    )


def _pod(
    resource: Resource, workload: Workload, proxies: tuple[Proxy, ...], identities: Mapping[Mesh, str]
) -> Pod:
    """A pod as an object (it, or a workload) describes it."""
    template = template_of(resource)
    spec = template.spec
    return Pod(
        name=resource.name,
        workload=workload,
        labels=template.metadata.labels,
        annotations=template.metadata.annotations,
        service_account=spec.service_account,
        containers=tuple(map(RunningContainer.of, spec.lasting)),
        proxies=proxies,
        gateway=next((mesh for mesh, plane in CONTROL_PLANES.items() if plane.is_gateway(template)), None),
        host_network=spec.host_network,
        hostname=spec.hostname,
        subdomain=spec.subdomain,
        resolver=spec.resolver,
        named_ports=spec.named_ports,
        node_ports=spec.node_ports,
        node=spec.node_name,
        identities=identities,
        tunnel=_tunnel(proxies),
    )


def meshed(pod: Pod, mesh: Mesh) -> Pod:
    """Returns a pod as it would be if this mesh alone had injected it."""
    proxies = (Proxy(mesh, native=True),)
    return replace(pod, proxies=proxies, tunnel=_tunnel(proxies))


def _identities(objects: Objects, namespace: str, account: str) -> Mapping[Mesh, str]:
    return {mesh: plane.identity(objects, namespace, account) for mesh, plane in CONTROL_PLANES.items()}


def _tunnel(proxies: tuple[Proxy, ...]) -> int | None:
    return CONTROL_PLANES[proxies[0].mesh].tunnel if proxies else None


def _proxies_in(spec: PodSpec) -> dict[Mesh, Proxy]:
    """The proxies that a pod's spec itself brings: injected by hand, or at its start."""
    proxies: dict[Mesh, Proxy] = {}
    for native, containers in ((True, spec.init_containers), (False, spec.containers)):
        named = {container.name: container for container in containers}
        for mesh in (mesh for mesh in Mesh if mesh.proxy in named):
            ingress = named[mesh.proxy].variables.get(marks.LINKERD_INGRESS) == "true"
            proxies[mesh] = Proxy(mesh, native, ingress)
    return proxies


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
    present = _proxies_in(template.spec)
    configurations = objects.all(*MUTATING)
    skipped: list[tuple[Mesh, str]] = []
    for mesh, plane in CONTROL_PLANES.items():
        if mesh not in objects.meshes:
            continue
        own = tuple(chain.from_iterable(webhooks_in(each).get(mesh, ()) for each in configurations))
        answer = plane.inject(Candidate(objects, resource, namespace, metadata, template.spec, present), own)
        if isinstance(answer, Proxy):
            present[mesh] = answer
        elif answer:
            skipped.append((mesh, answer))
    return tuple(present.values()), tuple(skipped)


@per_object
def webhooks_in(configuration: Resource) -> dict[Mesh, tuple[MutatingWebhook, ...]]:
    """Returns the injectors' webhooks in a MutatingWebhookConfiguration, by their mesh."""
    by_mesh: dict[Mesh, tuple[MutatingWebhook, ...]] = {}
    for webhook in MutatingWebhookConfiguration.of(configuration).webhooks:
        for mesh, plane in CONTROL_PLANES.items():
            if webhook.name.endswith(plane.injector):
                by_mesh[mesh] = (*by_mesh.get(mesh, ()), webhook)
    return by_mesh


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
            template = template_of(resource)
            account, ready = template.spec.service_account, status.ready and not template.metadata.deleted
            identities = _identities(state, resource.namespace, account)
            pod = _pod(resource, workload, tuple(_proxies_in(template.spec).values()), identities)
            shown[workload] = (
                *pods,
                with_fields(
                    pod,
                    ip=status.ip,
                    addresses=status.addresses,
                    node_addresses=status.node_addresses,
                    ready=ready,
                ),
            )
    return replace(state, running={**state.running, **shown}) if shown else state
