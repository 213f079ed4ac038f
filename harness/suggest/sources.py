"""What a scenario is made of: apps and configurations, each at a path of the user's or to be written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.analysis.texts import free
from harness.analysis.translate import translate
from harness.api import marks
from harness.api.kubernetes.metadata import labels_of
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.errors import InputError
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh
from harness.manifests import dumps, kustomize
from harness.manifests.files import SUFFIXES, read_manifests
from harness.model import Refused, State, changes
from harness.model.changes.loading import meshes_used
from harness.model.istio.security import policies
from harness.model.state import namespace_object
from harness.model.state.tables import grouped

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

_Refusal = tuple["Resource", "HarnessError"]

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
    staying: tuple[Resource, ...] = ()
    """Istio's objects that count at its gateways, which stay: a migration takes them from workloads alone."""
    undeclared: tuple[str, ...] = ()
    """Namespaces that objects speak of, and that no manifest declares or has workloads in."""

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
    last = {resource.key: resource for _, objects in parts for resource in objects}
    left_out: dict[str, None] = {}
    state, refused = _applied(tuple(last.values()))
    staying = tuple(last[policy.key] for policy in _at_gateways(state))
    every: list[Source] = []
    for path, objects in parts:
        kept = (
            _without_revision(resource)
            for resource in objects
            if not _is_replaced(resource, last, left_out) and not _is_left_out(resource, refused, left_out)
        )
        roles = grouped((_role(resource), resource) for resource in kept)
        whole = len(roles) == 1 and [*roles.values()] == [list(objects)]
        for role, own in roles.items():
            name = path.name.removesuffix(path.suffix) if path else role.value
            every.append(Source(role, name, path if whole else None, tuple(own)))
    taken = [resource for source in every for resource in source.objects]
    if not any(resource.group == "apps" for resource in taken):
        unknown = [error.brief for resource, error in refused.values() if resource.group == "apps"]
        raise InputError(
            f"there are no workloads in the manifests{' that the model decides on' if unknown else ''}",
            why="; ".join(unknown),
            todo="name the apps' manifests, too: Deployments and Services, and Istio's configuration",
        )
    if undeclared := tuple(_undeclared(taken)):
        every.append(Source(Role.APPS, "namespaces", None, tuple(map(namespace_object, undeclared))))
    return Sources(tuple(_merged(every)), tuple(left_out), staying, undeclared)


def _undeclared(objects: Sequence[Resource]) -> list[str]:
    """The namespaces that objects lie in, or that they lead to once they are translated, and nobody makes."""
    made = {resource.name if resource.kind == "Namespace" else resource.namespace for resource in objects}
    there = {resource.namespace for resource in objects if _role(resource) is Role.APPS}
    there |= {resource.name for resource in objects if resource.kind == "Namespace"}
    made |= {resource.namespace for resource in translate(objects).objects}
    return sorted(made - there - PLATFORM - {"", "default"})


def _is_replaced(
    resource: Resource, last: Mapping[tuple[str, str, str, str], Resource], left_out: dict[str, None]
) -> bool:
    """Whether a later object has the same name, so that only that one is there after `kubectl apply`."""
    later = last[resource.key]
    if later is not resource:
        where, instead = resource.place(), later.place()
        left_out[f"{resource} ({where}): {instead} has it again, and the last one counts"] = None
    return later is not resource


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
    resource: Resource, refused: Mapping[tuple[str, ...], _Refusal], left_out: dict[str, None]
) -> bool:
    """Whether an object isn't part of the scenario; says so."""
    if resource.key in refused:
        _, error = refused[resource.key]
        left_out[f"{resource} ({error.where}): {error.brief}"] = None
        return True
    mesh_config = resource.key == ("", "ConfigMap", ROOT_NAMESPACE, "istio")
    place = resource.name if resource.kind == "Namespace" else resource.namespace
    installed = (_role(resource) is Role.APPS and place in PLATFORM) or resource.kind in _INSTALLED
    if installed and not mesh_config:
        left_out[_PLATFORMS] = None
    return installed and not mesh_config


def _applied(resources: Sequence[Resource]) -> tuple[State, dict[tuple[str, ...], _Refusal]]:
    """The state with all objects, and those that the API or the model doesn't take, and why."""
    refused: dict[tuple[str, ...], _Refusal] = {}

    def leave_out(resource: Resource, error: NotModelledError | Refused) -> None:
        refused[resource.key] = resource, error

    state = State()
    for mesh in sorted({Mesh.ISTIO, *meshes_used(resources)}):
        state = changes.install(state, mesh)
    for namespace in dict.fromkeys(resource.namespace for resource in resources):
        state = changes.mark(state, namespace) if namespace else state
    # Namespaces come first; the sort is stable.
    objects = sorted(map(_without_revision, resources), key=lambda resource: resource.kind != "Namespace")
    return changes.apply(state, objects, leave_out), refused


def _at_gateways(state: State) -> Iterator[Resource]:
    """The policies of Istio's that its gateways ask, each once."""
    gateways = [pod for pod in state.pods if pod.gateway]
    asked = (
        policies.selecting(state, pod, kind)
        for kind in ("AuthorizationPolicy", "RequestAuthentication")
        for pod in gateways
    )
    yield from {policy.key: policy for found in asked for policy in found}.values()


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
