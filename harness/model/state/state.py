"""The state of a cluster: its objects, the meshes installed, and the pods that run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.api.kubernetes.workload import WORKLOADS, pod_template, replicas
from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh, Workload
from harness.model.decide import decide
from harness.model.istio import mesh_config
from harness.model.istio.gateway import deployment as gateway_deployment
from harness.model.linkerd import config
from harness.model.linkerd.routing.index import accepts
from harness.model.state import installation, webhooks
from harness.model.state.admission import admit
from harness.model.state.injection import start
from harness.model.state.stored import Stored, namespace_object
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.model.state.pods import Pod
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

Key = tuple[str, str, str, str]
Amend = Callable[[Resource, NotModelledError | Refused], Resource | None]
Lookups = dict[Any, Any]

_GATEWAY = ("gateway.networking.k8s.io", "Gateway")
_WORKLOADS = frozenset(WORKLOADS)


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
    injectors: dict[Key, Resource] = field(default_factory=dict)
    clock: int = 0
    lookups: Lookups = field(default_factory=dict, init=False, repr=False, compare=False)

    # --- what there is

    @property
    def pods(self) -> tuple[Pod, ...]:
        """All running pods."""
        return _pods(self)

    def stored(self, group: str, kind: str) -> tuple[Stored, ...]:
        """Returns the objects of a kind with what is known about them, older first."""
        return tuple(_by_age(self).get((group, kind, None), ()))

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind (in one namespace, or in all), older first.

        For what asks on every request there are tables instead: see `harness/model/lookup.py`.
        """
        return tuple(one.live for one in _by_age(self).get((group, kind, namespace), ()))

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
        injectors = {key: one for key, one in self.injectors.items() if key in kept}
        return replace(self, meshes=self.meshes - {mesh}, objects=kept, running=running, injectors=injectors)

    def apply(self, resources: Iterable[Resource], amend: Amend | None = None) -> State:
        """Returns the state after `kubectl apply` of these objects, in their order, at one instant.

        Raises Refused where the API server or a webhook refuses one, NotModelledError for what
        the model doesn't understand; the state stays as it was then. With `amend` nothing is raised: what
        it makes of an object (None: nothing) takes the object's place.
        """
        draft = self._draft()
        for resource in resources:
            if amend:
                draft._put_amended(resource, amend)
            else:
                draft._put_one(admit(draft, resource))
        draft._put_gateways()
        return replace(draft)

    def remove(self, resources: Iterable[Resource]) -> State:
        """Returns the state without these objects; a Namespace takes all that is in it along."""
        gone = {resource.key for resource in resources}
        for gateway in [one.live for key, one in self.objects.items() if key in gone and key[:2] == _GATEWAY]:
            gone |= {key for key, one in self.objects.items() if gateway_deployment.owns(gateway, one.live)}
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
        injectors = {key: one for key, one in self.injectors.items() if key in objects}
        return replace(self, objects=objects, running=running, injectors=injectors)

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
            return self.apply([namespace_object(namespace)]).mark(namespace, labels, annotations)
        marked = stored.marked(labels or {}, annotations or {})
        return replace(self, objects={**self.objects, stored.live.key: marked})

    def place(self, namespace: str, meshes: Collection[Mesh]) -> State:
        """Returns the state with a Namespace that asks these meshes to inject, and no other."""
        return self.mark(namespace, *marks.placing(meshes))

    def restart(self, *namespaces: str, workload: str | None = None) -> State:
        """Returns the state after a restart of namespaces' workloads, or of one there: injected anew."""
        running = dict(self.running)
        for (group, kind, at, name), stored in self.objects.items():
            if (group, kind) in _WORKLOADS and at in namespaces and workload in (None, name):
                running[Workload(at, name)] = self._start(stored.live)
        return replace(self, running=running)

    # --- how changes are made

    def _put(self, resources: Iterable[Resource]) -> State:
        draft = self._draft()
        for resource in resources:
            draft._put_one(resource)
        draft._put_gateways()
        return replace(draft)

    def _draft(self) -> State:
        """A copy, one instant later, that changes until it is copied again: no copy for each object."""
        return replace(
            self,
            objects=dict(self.objects),
            running=dict(self.running),
            injectors=dict(self.injectors),
            clock=self.clock + 1,
        )

    def _put_one(self, resource: Resource) -> None:
        """Changes a draft."""
        self.lookups.clear()
        before = self.objects.get(resource.key)
        live = before.keeping_marks(resource) if before and resource.kind == "Namespace" else resource
        if (resource.group, resource.kind) in _WORKLOADS and not (
            before
            and pod_template(before.live) == pod_template(live)
            and replicas(before.live) == replicas(live)
        ):
            self.running[Workload(live.namespace, live.name)] = self._start(live)
        self.objects[resource.key] = Stored(
            live,
            resource,
            before.created if before else (resource.created, self.clock),
            indexed=live if accepts(live) else before.indexed if before else None,
        )
        if resource.key[:2] == webhooks.KIND:
            self.injectors[resource.key] = live

    def _put_amended(self, resource: Resource, amend: Amend) -> None:
        """Changes a draft: what isn't taken is amended until it is, or until nothing is left of it."""
        amended: Resource | None = resource
        while amended is not None:
            try:
                return self._put_one(admit(self, amended))
            except (NotModelledError, Refused) as error:
                about = error.resource if isinstance(error, NotModelledError) else None
                namespace = self.get("", "Namespace", "", amended.namespace)
                if about and namespace and about.key == namespace.key:  # it says what is injected
                    instead = amend(namespace, error) or namespace_object(namespace.name)
                    stored = self.objects[namespace.key]
                    self.objects[namespace.key] = replace(stored, live=instead, applied=instead)
                else:
                    amended = amend(amended, error)
        return None

    def _put_gateways(self) -> None:
        """Changes a draft: Istio's controller deploys what Gateways of its class ask for."""
        gateways = [one.live for key, one in self.objects.items() if key[:2] == _GATEWAY]
        for gateway in gateways:
            for made in gateway_deployment.deployed(self, gateway):
                self._put_one(made)

    def _start(self, resource: Resource) -> tuple[Pod, ...]:
        namespace = self.get("", "Namespace", "", resource.namespace) or namespace_object(resource.namespace)
        domains = mesh_config.trust_domain(self), config.of(self).trust_domain
        pods = start(resource, namespace, self.meshes, self.injectors.values())
        return tuple(replace(pod, istio_domain=domains[0], linkerd_domain=domains[1]) for pod in pods)


@per_state
def _by_age(state: State) -> dict[tuple[str, str, str | None], list[Stored]]:
    """Objects by API group, kind and namespace (None: in all of them), older first."""
    found: dict[tuple[str, str, str | None], list[Stored]] = {}
    for stored in sorted(state.objects.values(), key=lambda one: one.age):
        live = stored.live
        for namespace in {None, live.namespace}:
            found.setdefault((live.group, live.kind, namespace), []).append(stored)
    return found


@per_state
def _pods(state: State) -> tuple[Pod, ...]:
    return tuple(pod for pods in state.running.values() for pod in pods)
