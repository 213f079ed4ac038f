"""The next state while it is made: objects are put into it one after the other, at one instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api import flagger
from harness.api.kubernetes.definition import DEFINITION
from harness.api.kubernetes.workload import is_workload, same_pods
from harness.api.refusal import Refused
from harness.base.errors import NotModelledError
from harness.base.resources import Resource
from harness.base.vocabulary import Workload
from harness.model.changes.admission import admit, check_settings
from harness.model.changes.pods import start
from harness.model.planes import CONTROL_PLANES
from harness.model.state import Stored, namespace_object

if TYPE_CHECKING:
    from harness.model.state import Key, State

Amend = Callable[[Resource, NotModelledError | Refused], Resource | None]
"""What makes another object of one that isn't taken, or None if nothing is to be left of it."""

GATEWAY = ("gateway.networking.k8s.io", "Gateway")


class Draft:
    """A copy of a state, one instant later, that takes objects in: one copy, however many they are."""

    def __init__(self, state: State) -> None:
        self.meshes = state.meshes
        self.served = state.served
        self._before = state
        self._objects = dict(state.objects)
        self._running = dict(state.running)
        self._clock = state.clock + 1
        self._by_kind: dict[tuple[str, str], dict[Key, None]] = {}
        for key in self._objects:
            self._by_kind.setdefault(key[:2], {})[key] = None

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object as it is so far, or None if there is none."""
        stored = self._objects.get((group, kind, namespace, name))
        return stored.live if stored else None

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind so far (in one namespace, or in all)."""
        keys = self._by_kind.get((group, kind), {})
        return tuple(self._objects[key].live for key in keys if namespace in (None, key[2]))

    def state(self) -> State:
        """Returns the state that has come of it so far."""
        return replace(
            self._before,
            served=self.served,
            objects=dict(self._objects),
            running=dict(self._running),
            clock=self._clock,
        )

    def deploy(self) -> None:
        """Puts in what controllers make of the objects: Gateways' Deployments, Canaries' Services."""
        for canary in self.all(*flagger.CANARY):
            for service in flagger.services(canary, [stored.live for stored in self._objects.values()]):
                if service.key not in self._objects:
                    self.put(service)
        for gateway in self.all(*GATEWAY):
            for plane in CONTROL_PLANES.values():
                for made in plane.deployed(self, gateway):
                    self.put(made)

    def put(self, resource: Resource) -> None:
        """Puts an object in, as it is; a workload's pods start if its template changed."""
        before = self._objects.get(resource.key)
        live = before.keeping_marks(resource) if before and resource.kind == "Namespace" else resource
        if is_workload(live) and not (before and same_pods(before.live, live)):
            self.start(live)
        indexed = all(plane.indexes(live) for plane in CONTROL_PLANES.values())
        self._objects[resource.key] = Stored(
            live,
            resource,
            before.created if before else (resource.created, self._clock),
            indexed=live if indexed else before.indexed if before else None,
        )
        self._by_kind.setdefault(resource.key[:2], {})[resource.key] = None
        if resource.key[:2] == DEFINITION:
            self.served = self.served.defining(live)

    def admit(self, resource: Resource) -> None:
        """Puts an object in as the API server stores it; raises Refused or NotModelledError."""
        self.served = self.served.needing(resource)
        self.put(admit(self, resource))

    def admit_amended(self, resource: Resource, amend: Amend) -> None:
        """Puts an object in: what isn't taken is amended until it is, or until nothing is left of it."""
        amended: Resource | None = resource
        while amended is not None:
            try:
                return self.admit(check_settings(amended))
            except (NotModelledError, Refused) as error:
                about = error.resource if isinstance(error, NotModelledError) else None
                namespace = self.get("", "Namespace", "", amended.namespace)
                if about and namespace and about.key == namespace.key:  # it says what is injected
                    instead = amend(namespace, error) or namespace_object(namespace.name)
                    stored = self._objects[namespace.key]
                    self._objects[namespace.key] = replace(stored, live=instead, applied=instead)
                else:
                    amended = amend(amended, error)
        return None

    def start(self, workload: Resource) -> None:
        """Starts the pods of a workload object anew: injected as namespace and webhooks are now."""
        pods = start(self, workload)
        self._running[Workload(workload.namespace, workload.name)] = pods
