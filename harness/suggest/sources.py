"""What a scenario is made of: apps and configurations, each at a path of the user's or to be written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.texts import free
from harness.analysis.translate import translate
from harness.api import certificates, marks
from harness.api.kubernetes.definition import DEFINITION
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.secret import KIND as SECRET
from harness.api.kubernetes.workload import is_workload
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.api.schema.releases import Release
from harness.base.errors import InputError
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh
from harness.manifests import dumps
from harness.manifests.documents import keeping_all
from harness.manifests.files import Manifests, read
from harness.model import Refused, State, changes
from harness.model.changes.admission import check_settings
from harness.model.changes.loading import meshes_used
from harness.model.istio.security import policies
from harness.model.leniency import Leniency
from harness.model.state import Undecided, namespace_object
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from harness.analysis.translate import Translation
    from harness.base.errors import HarnessError, NotModelledError
    from harness.base.resources import Resource

_INSTALLED = frozenset(
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration CustomResourceDefinition APIService "
    "ClusterRole ClusterRoleBinding GatewayClass Node".split()
)
"""Cluster-wide kinds that a dump shows of what platforms and meshes install."""

_Refusal = tuple["Resource", "HarnessError"]

_PLATFORMS = "what the platform and the meshes' control planes are made of: the scenario installs them"


TRANSLATED, STAYING = "linkerd", "gateways"
"""The configurations that are translated of Istio's, and that stay with its gateways."""


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
    translation: Translation
    """What becomes of all objects under Linkerd."""
    staying: tuple[Resource, ...]
    """Istio's objects that count at its gateways, which stay: a migration takes them from workloads alone."""
    undeclared: tuple[str, ...]
    """Namespaces that objects speak of, and that no manifest declares or has workloads in."""
    undecided: tuple[Undecided, ...]
    """What the model doesn't decide of the objects: it may change any answer."""
    gateway_api: str = ""
    """The release of the Gateway API that the cluster has, as far as somebody says; empty if nobody does."""

    def of(self, *roles: Role) -> tuple[Source, ...]:
        """Returns the sources of these roles."""
        return tuple(source for source in self.every if source.role in roles)

    @property
    def objects(self) -> tuple[Resource, ...]:
        """All objects."""
        return tuple(resource for source in self.every for resource in source.objects)


def of_paths(paths: Iterable[Path], manifests: Manifests, release: Release | None = None) -> Sources:
    """Returns what was read of these paths; raises InputError if it holds no workload.

    The cluster has this release of the Gateway API, or the one that definitions among the objects are of.
    """
    batches = zip(paths, manifests.batches, strict=True)
    parts = [part for path, objects in batches for part in _parts(path, objects)]
    return _sources(parts, map(str, manifests.unread), release)


def of_objects(objects: Iterable[Resource]) -> Sources:
    """Returns what a cluster holds, to be written out; raises InputError if it holds no workload."""
    return _sources([(None, tuple(map(_applicable, objects)))])


Part = tuple["Path | None", tuple["Resource", ...]]
"""Objects, and the path of the user's at which they stand."""


def _parts(path: Path, objects: tuple[Resource, ...]) -> Iterable[Part]:
    """The path itself if it holds objects of one role alone, else the files below it."""
    if len(set(map(_role, objects))) == 1:
        return [(path, objects)]
    by_file = grouped((resource.where.source, resource) for resource in objects)
    return [(Path(file), tuple(own)) for file, own in by_file.items()]


def _holds_just(path: Path, objects: Sequence[Resource]) -> bool:
    """Whether a scenario that names the path gets these objects, and nothing is there that it can't read."""
    if not path.exists():  # standard input
        return False
    there = read([path])
    return not there.unread and list(there.resources) == list(objects)


@keeping_all()
def _sources(parts: Sequence[Part], unread: Iterable[str] = (), release: Release | None = None) -> Sources:
    leniency = Leniency()
    parts = [(path, _with_settings(batch, leniency)) for path, batch in parts]
    left_out = dict.fromkeys((*unread, *map(str, leniency.omissions)))
    every_object = [resource for _, batch in parts for resource in batch]
    secrets = certificates.assumed(every_object)
    if secrets:
        parts.append((None, secrets))
        left_out[certificates.assumption(secrets)] = None
    credentials = certificates.named(every_object)
    objects = {resource.key: resource for _, batch in parts for resource in batch}
    release = release or _release_of(objects.values())
    definitions = release.definitions("gateway_api") if release else ()
    state, refused = _applied((*definitions, *objects.values()))
    every: list[Source] = []
    for path, batch in parts:
        kept = (each for each in batch if not _is_left_out(each, refused, left_out, credentials))
        taken = list(map(_without_revision, kept))
        roles = grouped((_role(resource), resource) for resource in taken)
        whole = path is not None and len(roles) == 1 and taken == list(batch) and _holds_just(path, taken)
        for role, own in roles.items():
            name = path.name.removesuffix(path.suffix) if path else role.value
            every.append(Source(role, name, path if whole else None, tuple(own)))
    kept_objects = [resource for source in every for resource in source.objects]
    if not any(is_workload(resource) for resource in kept_objects):
        unknown = [error.brief for resource, error in refused.values() if is_workload(resource)]
        raise InputError(
            f"there are no workloads in the manifests{' that the model decides on' if unknown else ''}",
            why="; ".join(unknown),
            todo="name the apps' manifests, too: Deployments and Services, and Istio's configuration",
        )
    keys = {resource.key for resource in kept_objects}
    undecided = tuple(each for each in state.undecided if each.resource.key in keys)
    left_out |= dict.fromkeys(str(each) for each in state.undecided if each not in undecided)
    translation = translate([*definitions, *kept_objects])
    staying = {resource.key: resource for resource in (*translation.kept, *_at_gateways(state))}
    undeclared = _undeclared(kept_objects, translation)
    if undeclared:
        every.append(Source(Role.APPS, "namespaces", None, tuple(map(namespace_object, undeclared))))
    return Sources(
        tuple(_merged(every)),
        tuple(left_out),
        translation,
        tuple(objects[key] for key in staying if key in objects),
        undeclared,
        undecided,
        str(release or ""),
    )


def _with_settings(objects: Iterable[Resource], leniency: Leniency) -> tuple[Resource, ...]:
    """The objects without those settings of an installation that the model doesn't decide on."""
    return tuple(leniency.taken(resource, check_settings) or resource for resource in objects)


def _release_of(objects: Iterable[Resource]) -> Release | None:
    """The release of the Gateway API that definitions are of."""
    definitions = (resource for resource in objects if resource.key[:2] == DEFINITION)
    return next(filter(None, map(Release.of, definitions)), None)


def _undeclared(objects: Sequence[Resource], translation: Translation) -> tuple[str, ...]:
    """The namespaces that objects lie in, or that they lead to once they are translated, and nobody makes."""
    every = (*objects, *translation.objects)
    made = {resource.name if resource.kind == "Namespace" else resource.namespace for resource in every}
    there = {resource.namespace for resource in objects if _role(resource) is Role.APPS}
    there |= {resource.name for resource in objects if resource.kind == "Namespace"}
    return tuple(sorted(made - there - PLATFORM - {"", "default"}))


def _merged(every: Iterable[Source]) -> Iterator[Source]:
    """The sources, those that are written out joined by role; no two of one name."""
    loose: defaultdict[Role, list[Resource]] = defaultdict(list)
    names: set[str] = {TRANSLATED, STAYING}
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
    resource: Resource,
    refused: Mapping[tuple[str, ...], _Refusal],
    left_out: dict[str, None],
    credentials: Collection[tuple[str, str]],
) -> bool:
    """Whether an object isn't part of the scenario; says so."""
    if resource.key in refused:
        _, error = refused[resource.key]
        left_out[f"{resource} ({error.where}): {error.brief}"] = None
        return True
    needed = resource.key == ("", "ConfigMap", ROOT_NAMESPACE, "istio") or (
        resource.key[:2] == SECRET and (resource.namespace, resource.name) in credentials
    )
    place = resource.name if resource.kind == "Namespace" else resource.namespace
    installed = (_role(resource) is Role.APPS and place in PLATFORM) or resource.kind in _INSTALLED
    if installed and not needed:
        left_out[_PLATFORMS] = None
    return installed and not needed


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
