"""The state of a cluster: its objects, the meshes installed, and the pods that run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.model import installation
from harness.model.admission import admit
from harness.model.decide import decide
from harness.model.injection import start
from harness.model.linkerd.index import accepts
from harness.model.objects import annotations_of, labels_of
from harness.model.pods import pod_template, replicas
from harness.resources import Resource
from harness.vocabulary import Mesh, Workload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.model.pods import Pod
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

Key = tuple[str, str, str, str]
Lookups = dict[Callable[..., Any], Any]

_WORKLOADS = frozenset((("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("", "Pod")))


@dataclass(frozen=True)
class Stored:
    """An object in the cluster.

    `created` tells when it was made: the time that a dump knew, if it is from one, and the instant
    at which it was applied (objects applied together share one). `applied` is the
    object as it was last applied, `indexed` the version that Linkerd's index holds, if any: it
    refuses some updates and then keeps the version before.
    """

    live: Resource
    applied: Resource
    created: tuple[str, int]
    indexed: Resource | None = None

    @property
    def age(self) -> tuple[bool, str, int, str, str]:
        """The order in which meshes prefer objects: older first, then by namespace and name.

        What a live cluster's dump gave a time is older than what is yet to be applied.
        """
        time, instant = self.created
        return (not time, time, instant, self.live.namespace, self.live.name)


@dataclass(frozen=True)
class State:
    """A cluster's state; every change returns a new one.

    Pods are snapshots: proxies, labels, annotations and identity are those of the moment they
    were started. A change of a Namespace acts on pods started later, a change of a workload's
    template (or its replicas) starts its pods anew.
    """

    meshes: frozenset[Mesh] = frozenset()
    gateway_api: bool = False
    objects: dict[Key, Stored] = field(default_factory=dict)
    running: dict[Workload, tuple[Pod, ...]] = field(default_factory=dict)
    clock: int = 0
    lookups: Lookups = field(default_factory=dict, init=False, repr=False, compare=False)

    # --- what there is

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """All running pods."""
        return tuple(pod for pods in self.running.values() for pod in pods)

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], list[Stored]]:
        found: dict[tuple[str, str], list[Stored]] = {}
        for (group, kind, _, _), stored in self.objects.items():
            found.setdefault((group, kind), []).append(stored)
        for objects in found.values():
            objects.sort(key=lambda stored: stored.age)
        return found

    def stored(self, group: str, kind: str) -> list[Stored]:
        """Returns the objects of a kind with what is known about them, older first."""
        return self._by_kind.get((group, kind), [])

    def all(self, group: str, kind: str, namespace: str | None = None) -> list[Resource]:
        """Returns the objects of a kind (in one namespace, or in all), older first."""
        live = (stored.live for stored in self.stored(group, kind))
        return [one for one in live if namespace is None or one.namespace == namespace]

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object, or None if there is none."""
        stored = self.objects.get((group, kind, namespace, name))
        return stored.live if stored else None

    def pods_of(self, workload: Workload) -> tuple[Pod, ...]:
        """Returns a workload's running pods, none if there is no such workload."""
        return self.running.get(workload, ())

    def decide(self, request: Request) -> Outcomes:
        """Returns what comes back of a request: exact probabilities, each with its trace.

        Raises NotModelledError where something takes part that the model doesn't understand.
        """
        return decide(self, request)

    # --- changes

    def install(self, mesh: Mesh) -> State:
        """Returns the state with a mesh's control plane; nothing changes if it is there already."""
        if mesh in self.meshes:
            return self
        installed = replace(self, meshes=self.meshes | {mesh}, gateway_api=True)
        if mesh is Mesh.LINKERD:  # its index starts empty: what it refuses has no version before
            indexed = {
                key: replace(stored, indexed=stored.live if accepts(stored.live) else None)
                for key, stored in self.objects.items()
            }
            installed = replace(installed, objects=indexed)
        return installed._put(installation.objects(mesh))

    def uninstall(self, mesh: Mesh) -> State:
        """Returns the state without a mesh: its control plane, kinds and webhooks are gone.

        Pods keep the proxies that they were started with until they are restarted.
        """
        if mesh not in self.meshes:
            return self
        namespaces = {one.name for one in installation.objects(mesh) if one.kind == "Namespace"}
        kept = {
            key: stored
            for key, stored in self.objects.items()
            if not installation.belongs(stored.live, mesh, namespaces)
        }
        running = {w: pods for w, pods in self.running.items() if w.namespace not in namespaces}
        return replace(self, meshes=self.meshes - {mesh}, objects=kept, running=running)

    def apply(self, resources: Iterable[Resource]) -> State:
        """Returns the state after `kubectl apply` of these objects, in their order, at one instant.

        Raises Refused where the API server or a webhook refuses one, NotModelledError for what
        the model doesn't understand; the state stays as it was then.
        """
        draft = self._draft()
        for resource in resources:
            draft._put_one(admit(draft, resource))
        return replace(draft)

    def remove(self, resources: Iterable[Resource]) -> State:
        """Returns the state without these objects; a Namespace takes all that is in it along."""
        gone = {resource.key for resource in resources}
        namespaces = {name for _, kind, _, name in gone if kind == "Namespace"}
        objects = {
            key: stored
            for key, stored in self.objects.items()
            if key not in gone and key[2] not in namespaces
        }
        running = {
            workload: pods
            for workload, pods in self.running.items()
            if any((*kind, workload.namespace, workload.name) in objects for kind in _WORKLOADS)
        }
        return replace(self, objects=objects, running=running)

    def mark(
        self,
        namespace: str,
        labels: Mapping[str, str | None] | None = None,
        annotations: Mapping[str, str | None] | None = None,
    ) -> State:
        """Returns the state with labels and annotations of a Namespace set, or removed where None.

        The Namespace is made if it isn't there. As with `kubectl label`, a later apply of the
        Namespace leaves these marks alone unless its manifest says otherwise.
        """
        stored = self.objects.get(("", "Namespace", "", namespace))
        if stored is None:
            return self.apply([_namespace(namespace)]).mark(namespace, labels, annotations)
        live = _marked(
            stored.live,
            _changed(labels_of(stored.live), labels or {}),
            _changed(annotations_of(stored.live), annotations or {}),
        )
        return replace(self, objects={**self.objects, live.key: replace(stored, live=live)})

    def place(self, namespace: str, meshes: Collection[Mesh]) -> State:
        """Returns the state with a Namespace that asks these meshes to inject, and no other."""
        enabled = "enabled"
        labels = {"istio-injection": enabled if Mesh.ISTIO in meshes else None, "istio.io/rev": None}
        annotations = {"linkerd.io/inject": enabled if Mesh.LINKERD in meshes else None}
        return self.mark(namespace, labels, annotations)

    def restart(self, namespace: str, workload: str | None = None) -> State:
        """Returns the state after a restart of a namespace's workloads, or of one: injected anew."""
        running = dict(self.running)
        for (group, kind, at, name), stored in self.objects.items():
            if (group, kind) in _WORKLOADS and at == namespace and workload in (None, name):
                running[Workload(at, name)] = self._start(stored.live)
        return replace(self, running=running)

    # --- how changes are made

    def _put(self, resources: Iterable[Resource]) -> State:
        draft = self._draft()
        for resource in resources:
            draft._put_one(resource)
        return replace(draft)

    def _draft(self) -> State:
        """A copy, one instant later, that changes until it is copied again: no copy for each object."""
        return replace(self, objects=dict(self.objects), running=dict(self.running), clock=self.clock + 1)

    def _put_one(self, resource: Resource) -> None:
        """Changes a draft."""
        before = self.objects.get(resource.key)
        live = _merged(before, resource) if before and resource.kind == "Namespace" else resource
        self.objects[resource.key] = Stored(
            live,
            resource,
            before.created if before else (resource.created, self.clock),
            indexed=live if accepts(live) else before.indexed if before else None,
        )
        if (resource.group, resource.kind) not in _WORKLOADS:
            return
        if (
            before
            and pod_template(before.live) == pod_template(live)
            and replicas(before.live) == replicas(live)
        ):
            return
        self.running[Workload(live.namespace, live.name)] = self._start(live)

    def _start(self, resource: Resource) -> tuple[Pod, ...]:
        namespace = self.get("", "Namespace", "", resource.namespace) or _namespace(resource.namespace)
        return start(resource, namespace, self.meshes)


def _namespace(name: str) -> Resource:
    data = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return Resource("v1", "Namespace", "", name, data)


def _marked(resource: Resource, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Resource:
    metadata: dict[str, Any] = {
        **(resource.data.get("metadata") or {}),
        "labels": dict(labels),
        "annotations": dict(annotations),
    }
    return replace(resource, data={**resource.data, "metadata": metadata})


def _changed(entries: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, str | None] = {**entries, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def _merged(before: Stored, resource: Resource) -> Resource:
    """The Namespace after an apply: marks that the last applied manifest didn't set stay."""

    def kept(live: Mapping[str, str], applied: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in live.items() if key not in applied} | dict(new)

    return _marked(
        resource,
        kept(labels_of(before.live), labels_of(before.applied), labels_of(resource)),
        kept(annotations_of(before.live), annotations_of(before.applied), annotations_of(resource)),
    )
