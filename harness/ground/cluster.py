"""A scenario's ground on a real cluster: all that a provider does once there is one."""

from __future__ import annotations

import atexit
import logging
import shlex
import threading
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.api import marks
from harness.base import DEFAULT, Installation, Mesh, StageError, Workload
from harness.cluster.api import Deadline, run, timed, wait_until
from harness.cluster.api.settings import GATEWAY_API_CRDS
from harness.cluster.objects.apply import Applier
from harness.cluster.objects.docker import images_of
from harness.cluster.objects.rollout import restart, wait_for_rollouts
from harness.cluster.objects.snapshot import lacking_enforcement
from harness.cluster.ownership import ownership
from harness.cluster.ownership.ownership import interrupt_on_sigterm
from harness.ground.connection import Connection
from harness.ground.ground import cleared, placing_patch
from harness.ground.observer import ClusterObserver, Footprint
from harness.meshes import gateway_api
from harness.meshes.istio import Istio
from harness.meshes.linkerd import Linkerd
from harness.traffic.observables import Basis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.base import Resource
    from harness.cluster.api import Client, ClusterSettings, Discovery, View
    from harness.cluster.ownership.ownership import Lease
    from harness.ground.condition import Condition
    from harness.manifests.patching import Patch
    from harness.model.state import Undecided
    from harness.traffic.outside import Outside

logger = logging.getLogger(__name__)

_PLANES = {Mesh.ISTIO: Istio, Mesh.LINKERD: Linkerd}


class ClusterProvider(ClusterObserver):
    """Runs scenarios on a real cluster; a subclass says where that is and what may be done to it."""

    name: str
    basis = Basis.OBSERVED

    def __init__(self, settings: ClusterSettings) -> None:
        super().__init__(settings)
        self._installing = threading.Lock()
        self._installed: dict[Mesh, Installation] = {}
        self._unready: frozenset[Workload] = frozenset()
        self._lease: Lease | None = None

    @abstractmethod
    def connect(self) -> Path:
        """Returns a kubeconfig of the harness's own for the cluster, which is there from now on."""

    @abstractmethod
    def provide_images(self, images: Collection[str]) -> None:
        """Brings images to the cluster's nodes, as far as they must and can be brought."""

    @abstractmethod
    def close(self) -> None: ...

    def make_applier(self, client: Client, discovery: Discovery, *, system: bool = False) -> Applier:
        """Returns what puts a scenario's objects, or a system's (the control planes'), into the cluster."""
        return Applier(client, discovery)

    def _hold(self, provider: str, name: str) -> Lease:
        """Takes the lease of a cluster or run, and has it ended however the process ends."""
        self._lease = ownership.take(provider, name)
        atexit.register(self.close)
        interrupt_on_sigterm()
        return self._lease

    def _let_go(self) -> Lease | None:
        """The lease, if there is still one: from now on this provider has none, nor open connections."""
        atexit.unregister(self.close)
        if "_at" in self.__dict__:
            self._at.client.close()
        lease, self._lease = self._lease, None
        return lease

    @cached_property
    def _at(self) -> Connection:
        return Connection(self, self.connect())

    @property
    def kept_as(self) -> str | None:
        return None

    def lacking(self, mesh: Mesh, wanted: Installation = DEFAULT) -> str | None:
        return _PLANES[mesh].missing(self.settings, self._wanted(mesh, wanted))

    def unable(self, need: str) -> str | None:
        """Returns why NetworkPolicies may act on nobody here, or None if they are enforced."""
        return lacking_enforcement(self._at.client) if need == "network-policy" else None

    def excuse(self, workloads: Collection[Workload]) -> None:
        self._unready = frozenset(workloads)

    def assume(self, outside: Outside) -> None:
        """Needs nothing: it asks the world around it."""

    def install(self, mesh: Mesh, wanted: Installation = DEFAULT) -> None:
        """Installs a mesh's control plane after the Gateway API's CRDs; a healthy one stays as it is.

        Raises StageError if that is of another version than is wanted.
        """
        with self._installing:  # one cluster, whichever mesh asks first
            at = self._at
        self._installed[mesh] = wanted = self._wanted(mesh, wanted)
        at.install(mesh, wanted, self._crds(wanted), Deadline(self.settings.timeout))

    def _crds(self, wanted: Installation) -> str:
        """Where the Gateway API's CRDs are: as the options say, or those of the release that is asked for."""
        given = self.settings.gateway_api_crds
        if wanted.gateway_api and given == GATEWAY_API_CRDS:
            return gateway_api.source(wanted.gateway_api)
        return given

    def uninstall(self, mesh: Mesh) -> None:
        """Takes a control plane away, by what it was installed with; the proxies in running pods stay."""
        wanted = self._installed.pop(mesh, None) or self._wanted(mesh, DEFAULT)
        with timed(logger, f"{mesh} uninstalled"):
            self._at.planes[mesh].uninstall(Deadline(self.settings.timeout), wanted)

    def _wanted(self, mesh: Mesh, wanted: Installation) -> Installation:
        """How a mesh is to be installed: as the options say, and the scenario where they leave it open."""
        return self.settings.installations.get(mesh, DEFAULT).over(wanted)

    def deploy(self, apps: Sequence[Resource]) -> None:
        """Makes the apps' namespaces and objects; waits until their pods are ready, and injected as asked."""
        deadline = Deadline(self.settings.timeout)
        self.provide_images(images_of(apps))
        with timed(logger, f"deployed {len(apps)} objects"):
            namespaces = self._put(apps, deadline)
            for namespace in sorted(namespaces):
                self._inject(namespace, self._at.asking(namespace), deadline)
            self._settle(apps, deadline)
            for namespace in sorted(namespaces):  # a container without probes counts as ready until it fails
                wait_for_rollouts(self._at.client, namespace, deadline, self._unready)

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        """Asks exactly these meshes to inject a namespace, and restarts its workloads.

        Asked for the same as before, those whose pods are so already are left alone.
        """
        at, deadline = self._at, Deadline(self.settings.timeout)
        with timed(logger, f"namespace {namespace} under {', '.join(sorted(meshes)) or 'no mesh'}"):
            self._namespaces([namespace], deadline)
            self._footprint.placed.add(namespace)
            asked_before = self._at.asking(namespace)
            at.applier.mark(namespace, *marks.placing(meshes))
            if asked_before != set(meshes):
                self._restart(namespace, deadline)
                self._inject(namespace, meshes, deadline)  # what read the Namespace a moment too early
                self._settle((), deadline)
            elif self._inject(namespace, meshes, deadline):
                self._settle((), deadline)

    def apply(self, resources: Sequence[Resource]) -> None:
        """Applies a configuration, and returns when it is in force as far as the meshes tell."""
        deadline = Deadline(self.settings.timeout)
        self.provide_images(images_of(resources))
        with timed(logger, f"applied {len(resources)} objects"):
            self._put(resources, deadline)
            self._settle(resources, deadline)

    def remove(self, resources: Sequence[Resource]) -> None:
        """Deletes a configuration's objects, and returns when they are no longer in force.

        Of a Namespace only the labels and annotations that the configuration gave it are taken away.
        """
        deadline = Deadline(self.settings.timeout)
        namespaces = [resource for resource in resources if resource.kind == "Namespace"]
        with timed(logger, f"removed {len(resources)} objects"):
            for namespace in namespaces:
                self._at.applier.mark(namespace.name, *cleared(namespace))
            others = [resource for resource in reversed(resources) if resource not in namespaces]
            self._at.applier.delete(others, deadline)
            self._settle((), deadline)

    def place_workload(self, workload: Workload, meshes: Collection[Mesh]) -> None:
        """Has a workload's pods ask exactly these meshes; a change of that rolls them out anew."""
        self.patch(placing_patch(self.find, workload, meshes))

    def patch(self, patch: Patch) -> None:
        """Patches an object, and returns when that is in force as far as the meshes tell."""
        at, deadline = self._at, Deadline(self.settings.timeout)
        with timed(logger, str(patch)):
            if not at.applier.patch(patch):
                return
            if patch.target.namespace:
                wait_for_rollouts(at.client, patch.target.namespace, deadline, self._unready)
            changed = self.find(patch.target)
            self._settle([changed] if changed else [], deadline)

    def restart(self, namespace: str, workload: str | None = None) -> None:
        """Restarts the namespace's workloads, or one of them, and waits until only new pods are left."""
        deadline = Deadline(self.settings.timeout)
        only = None if workload is None else {Workload(namespace, workload)}
        what = f"{namespace}/{workload}" if workload else f"namespace {namespace}"
        with timed(logger, f"restarted {what}"):
            self._restart(namespace, deadline, only)
            self._settle((), deadline)

    def wait(self, condition: Condition) -> None:
        """Watches an object until the condition is met."""
        at = self._at
        path = at.discovery.named(condition.target).only(condition.target.namespace, condition.target.name)

        def unmet(view: View) -> str | None:
            return condition.unmet(view[path][0] if view[path] else None)

        with timed(logger, f"waited until {condition}"):
            wait_until(
                at.client, str(condition), [path], unmet, Deadline(condition.seconds or self.settings.timeout)
            )

    def run(self, argv: Sequence[str]) -> None:
        """Runs a command with the harness's own kubeconfig; what it prints goes to the log."""
        with timed(logger, f"ran {shlex.join(argv)}"):
            environment = {"KUBECONFIG": str(self._at.kubeconfig)}
            printed = run(argv, timeout=self.settings.timeout, env=environment)
        logger.info("%s", printed.rstrip())

    def undecided(self) -> tuple[Undecided, ...]:
        return ()

    def check(self, accepted: Collection[str] = ()) -> None:
        """Runs `istioctl analyze` and `linkerd check` at the same time, where they are there."""
        deadline = Deadline(self.settings.timeout)
        with timed(logger, "the meshes' own checks"):
            faults = self._at.faults(self._footprint.used, accepted, deadline)
        if faults:
            raise StageError(
                "the meshes' own checks find faults",
                why="\n       ".join(faults),
                todo="mend them; or, if they are meant to be, name their codes in the stage: accepted: […]",
            )

    def memory(self) -> dict[str, Any]:
        if "_at" not in self.__dict__:
            return {}
        return {**self._footprint.memory(), **self._at.applier.memory()}

    def remember(self, memory: Mapping[str, Any]) -> None:
        self._footprint.remember(memory)
        self._at.applier.remember(memory)

    def clear(self) -> None:
        """Deletes what the scenario made, and waits until it is gone; control planes stay."""
        if "_at" not in self.__dict__:  # nothing was ever made, not even a connection
            return
        at, deadline, left = self._at, Deadline(self.settings.timeout), self._footprint
        with timed(logger, f"cleared namespaces {', '.join(sorted(left.made)) or '(none)'}"):
            created = reversed(at.applier.created.values())
            elsewhere = [resource for resource in created if resource.namespace not in left.made]
            at.applier.delete([each for each in elsewhere if each.kind != "Namespace"], deadline)
            at.applier.delete_namespaces(sorted(left.made), deadline)
            for namespace in sorted(at.applier.restore() - left.made):
                wait_for_rollouts(at.client, namespace, deadline)
            for namespace in sorted(left.placed - left.made):
                self._unplace(namespace)
        at.applier.created.clear()
        self._footprint = Footprint()

    def _put(self, resources: Sequence[Resource], deadline: Deadline) -> set[str]:
        """Applies objects, and waits for the workloads in their namespaces, which are returned."""
        namespaces = {resource.home for resource in resources} - {""}
        self._namespaces(namespaces, deadline)
        self._at.wait_ready(namespaces, deadline)
        self._at.applier.apply(resources, deadline)
        for namespace in sorted(namespaces):
            wait_for_rollouts(self._at.client, namespace, deadline, self._unready)
        return namespaces

    def _namespaces(self, namespaces: Iterable[str], deadline: Deadline) -> None:
        for namespace in sorted(namespaces):
            self._footprint.used.add(namespace)
            if self._at.applier.make_namespace(namespace, deadline):
                self._footprint.made.add(namespace)

    def _unplace(self, namespace: str) -> None:
        """Takes back what `place` did to a namespace that isn't the harness's own."""
        self.place(namespace, ())

    def _inject(self, namespace: str, meshes: Collection[Mesh], deadline: Deadline) -> bool:
        """Restarts the workloads with a pod that these meshes would inject otherwise; were there any?"""
        wrong = self._at.misplaced(namespace, meshes)
        if wrong:
            self._restart(namespace, deadline, wrong)
        return bool(wrong)

    def _restart(
        self, namespace: str, deadline: Deadline, only: Collection[Workload | None] | None = None
    ) -> None:
        self._at.wait_ready([namespace], deadline)
        restart(self._at.client, namespace, only)
        wait_for_rollouts(self._at.client, namespace, deadline, self._unready)

    def _settle(self, resources: Iterable[Resource], deadline: Deadline) -> None:
        self._at.settle(resources, self._footprint.used, deadline)
