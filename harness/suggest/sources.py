"""What a scenario is made of: apps and configurations, each at a path of the user's or to be written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.analysis.texts import free
from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.workload import template_of
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.errors import InputError
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh
from harness.manifests import dumps, kustomize
from harness.manifests.files import SUFFIXES, read_manifests
from harness.model import Refused, State, changes
from harness.model.changes.loading import meshes_used

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.base.errors import HarnessError, NotModelledError
    from harness.base.resources import Resource

_INSTALLED = frozenset(
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration CustomResourceDefinition APIService "
    "ClusterRole ClusterRoleBinding GatewayClass Node".split()
)
"""Cluster-wide kinds that a dump shows of what platforms and meshes install."""

_PLATFORMS = "what the platform and the meshes' control planes are made of: the scenario installs them"


class Role(StrEnum):
    """What an object is to a migration."""

    APPS = "apps"
    ISTIO = "istio"
    """Istio's own configuration: applied first, translated, and removed in the end."""
    ROUTES = "routes"
    """Objects of the Gateway API or of Linkerd's: they are there from the beginning, and stay."""


@dataclass(frozen=True)
class Source:
    """Objects of one role; `path` is None where no file or folder of the user's holds just them."""

    role: Role
    name: str
    path: Path | None
    objects: tuple[Resource, ...]


@dataclass(frozen=True)
class Sources:
    """All that a scenario is made of; `left_out` says which objects aren't part of it, and why."""

    every: tuple[Source, ...]
    left_out: tuple[str, ...]

    def of(self, *roles: Role) -> tuple[Source, ...]:
        """Returns the sources of these roles."""
        return tuple(source for source in self.every if source.role in roles)

    @property
    def objects(self) -> tuple[Resource, ...]:
        """All objects."""
        return tuple(resource for source in self.every for resource in source.objects)


def of_paths(paths: Iterable[Path]) -> Sources:
    """Returns what manifests hold; raises InputError for what can't be read, or holds no workload."""
    parts = [part for path in paths for part in _parts(path)]
    return _sources([(path, read_manifests(path)) for path in parts])


def of_objects(objects: Iterable[Resource]) -> Sources:
    """Returns what a cluster holds, to be written out; raises InputError if it holds no workload."""
    return _sources([(None, tuple(map(_applicable, objects)))])


def _parts(path: Path) -> Iterator[Path]:
    """The path itself if it holds objects of one role alone, else a folder's files."""
    built = not path.is_dir() or any((path / name).exists() for name in kustomize.NAMES)
    if built or len({_role(resource) for resource in read_manifests(path)}) == 1:
        yield path
    else:
        yield from sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)


def _sources(parts: Sequence[tuple[Path | None, tuple[Resource, ...]]]) -> Sources:
    refused = _refused([resource for _, objects in parts for resource in objects])
    left_out: dict[str, None] = {}
    every: list[Source] = []
    for path, objects in parts:
        kept = (resource for resource in objects if not _is_left_out(resource, refused, left_out))
        taken = list(map(_without_revision, kept))
        roles = dict.fromkeys(map(_role, taken))
        whole = len(roles) == 1 and taken == list(objects)
        for role in roles:
            own = tuple(resource for resource in taken if _role(resource) is role)
            name = path.name.removesuffix(path.suffix) if path else role.value
            every.append(Source(role, name, path if whole else None, own))
    apps = (resource for source in every if source.role is Role.APPS for resource in source.objects)
    if not any(resource.group == "apps" for resource in apps):
        raise InputError(
            "there are no workloads in the manifests",
            todo="name the apps' manifests, too: Deployments and Services, and Istio's configuration",
        )
    return Sources(tuple(_merged(every)), tuple(left_out))


def _merged(every: Iterable[Source]) -> Iterator[Source]:
    """The sources, those that are written out joined by role; no two of one name."""
    loose: defaultdict[Role, list[Resource]] = defaultdict(list)
    names: set[str] = {"linkerd"}  # the translation's
    for source in every:
        if source.path is None:
            loose[source.role] += source.objects
            continue
        name = free(source.name, names)
        names.add(name)
        yield replace(source, name=name)
    for role, objects in loose.items():
        yield Source(role, free(role.value, names), None, tuple(objects))


def _role(resource: Resource) -> Role:
    mesh = MESH_OF_GROUP.get(resource.group)
    if mesh is Mesh.ISTIO:
        return Role.ISTIO
    return Role.ROUTES if mesh or resource.group == GATEWAY_API else Role.APPS


def _is_left_out(
    resource: Resource, refused: Mapping[tuple[str, ...], HarnessError], left_out: dict[str, None]
) -> bool:
    """Whether an object isn't part of the scenario; says so."""
    if resource.key in refused:
        error = refused[resource.key]
        left_out[f"{resource} ({error.where}): {error.brief}"] = None
        return True
    mesh_config = resource.key == ("", "ConfigMap", ROOT_NAMESPACE, "istio")
    place = resource.name if resource.kind == "Namespace" else resource.namespace
    installed = (_role(resource) is Role.APPS and place in PLATFORM) or resource.kind in _INSTALLED
    if installed and not mesh_config:
        left_out[_PLATFORMS] = None
    return installed and not mesh_config


def _refused(resources: Sequence[Resource]) -> dict[tuple[str, ...], HarnessError]:
    """The objects that the API or the model doesn't take, and why."""
    refused: dict[tuple[str, ...], HarnessError] = {}

    def leave_out(resource: Resource, error: NotModelledError | Refused) -> None:
        refused[resource.key] = error

    state = State()
    for mesh in sorted({Mesh.ISTIO, *meshes_used(resources)}):
        state = changes.install(state, mesh)
    # Namespaces come with the apps: what is configured for others has no place.
    apps = (resource for resource in resources if _role(resource) is Role.APPS)
    for namespace in dict.fromkeys(app.namespace for app in apps):
        state = changes.mark(state, namespace) if namespace else state
    # Namespaces come first; the sort is stable.
    objects = sorted(map(_without_revision, resources), key=lambda resource: resource.kind != "Namespace")
    changes.apply(state, objects, leave_out)
    return refused


def _without_revision(resource: Resource) -> Resource:
    """A Namespace without the revision that it asks: the scenario says which mesh holds it."""
    labels = labels_of(resource)
    if resource.kind != "Namespace" or marks.ISTIO_REVISION not in labels:
        return resource
    kept = {key: value for key, value in labels.items() if key != marks.ISTIO_REVISION}
    kept.setdefault(marks.ISTIO_INJECTION, "enabled")
    metadata = {**resource.data["metadata"], "labels": kept}
    return replace(resource, data={**resource.data, "metadata": metadata})


def _applicable(resource: Resource) -> Resource:
    """A live object as a manifest: without what its cluster assigned, but with its age."""
    # Only an object with a uid is read as a live one.
    data = {**resource.data, "metadata": {**resource.data["metadata"], "uid": "live"}}
    data = dumps.cleaned(data, resource.namespace, running=False)
    if resource.created:
        data["metadata"]["creationTimestamp"] = resource.created
    return replace(resource, data=data)


def held(objects: Iterable[Resource]) -> tuple[dict[str, Mesh], bool]:
    """Returns the mesh of each namespace with workloads that asks for one, and whether that is assumed.

    Where no object asks for a proxy all of them are taken to be Istio's.
    """
    objects = tuple(objects)
    workloads = [resource for resource in objects if resource.group == "apps"]
    namespaces = dict.fromkeys(workload.namespace for workload in workloads if workload.namespace)
    asking = {resource.name: _mesh_of(resource) for resource in objects if resource.kind == "Namespace"}
    templates = (template_of(workload).metadata for workload in workloads)
    pods_ask = any(any(marks.addressed(pod.labels, pod.annotations)) for pod in templates)
    if not any(asking.values()) and not pods_ask:
        return dict.fromkeys(namespaces, Mesh.ISTIO), True
    return {namespace: mesh for namespace in namespaces if (mesh := asking.get(namespace))}, False


def _mesh_of(namespace: Resource) -> Mesh | None:
    labels, annotations = labels_of(namespace), annotations_of(namespace)
    return next((mesh for mesh in Mesh if marks.asks(mesh, labels, annotations)), None)
