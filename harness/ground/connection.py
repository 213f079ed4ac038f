"""A cluster that a provider works on: its client, the meshes' control planes, the probes."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from harness.api.kubernetes.metadata import Metadata
from harness.base import MissingError, StageError
from harness.cluster.api import NAMESPACES, PODS, SERVICES, Client, Discovery, run, timed, wait_until
from harness.cluster.objects import pods
from harness.cluster.objects.pods import misplaced
from harness.cluster.probing.probe import Prober
from harness.meshes import gateway_api, istio, linkerd
from harness.meshes.gateway_api import ROUTE_KINDS, unreported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from harness.base import Installation, Mesh, Resource, Workload
    from harness.cluster.api import ClusterSettings, Deadline, View
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.objects.apply import Applier

logger = logging.getLogger(__name__)

API_PATIENCE = 60.0
"""Seconds that a cluster's API server may take to be restarted."""


class Host(Protocol):
    """What has the connection."""

    settings: ClusterSettings

    def make_applier(self, client: Client, discovery: Discovery, *, system: bool = False) -> Applier:
        """Returns what puts a scenario's objects, or a system's (the control planes'), into the cluster."""

    def provide_images(self, images: Collection[str]) -> None:
        """Brings images to the cluster's nodes, as far as they must and can be brought."""


class Connection:
    """One cluster, and what works on it."""

    def __init__(self, host: Host, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._crds = threading.Lock()
        self.client = Client(kubeconfig)
        self.client.patience = API_PATIENCE
        self.discovery = Discovery(self.client)
        self.applier = host.make_applier(self.client, self.discovery)
        # What control planes consist of isn't a scenario's: it has an applier, and so a memory, of its own.
        self.system = host.make_applier(self.client, self.discovery, system=True)
        planes: tuple[ControlPlane, ...] = (
            istio.Istio(self.client, self.system, run, kubeconfig, host.settings),
            linkerd.Linkerd(self.client, self.system, run, kubeconfig, host.settings),
        )
        self.planes: dict[Mesh, ControlPlane] = {plane.mesh: plane for plane in planes}
        self.prober = Prober(self.client, self.planes, host.settings, host.provide_images)

    def installed(self) -> list[ControlPlane]:
        """Returns the control planes that are there."""
        return [plane for plane in self.planes.values() if plane.installed()]

    def install(self, mesh: Mesh, wanted: Installation, crds: str, deadline: Deadline) -> None:
        """Installs a control plane after the Gateway API's CRDs; a healthy one stays as it is.

        Raises StageError if that is of another version than is wanted.
        """
        plane = self.planes[mesh]
        if plane.healthy():
            version = plane.version() if wanted.version else ""
            if version and not wanted.accepts(version):
                raise StageError(
                    f"{mesh} {version} is installed here, and {wanted.version} is asked for",
                    todo=f"take another cluster, or uninstall {mesh} first",
                )
            return
        reason = plane.lacking(wanted)
        if reason:
            raise MissingError(f"{mesh} can't be installed", why=reason)
        with self._crds:
            gateway_api.ensure(self.client, self.system, crds, wanted.gateway_api, deadline)
        with timed(logger, f"{mesh} installed"):
            plane.install(deadline, wanted)

    def asking(self, namespace: str) -> set[Mesh]:
        """Returns the meshes that a Namespace asks to inject it."""
        live = self.client.get(NAMESPACES.path("", namespace))
        return {mesh for mesh, plane in self.planes.items() if plane.asks(live)}

    def misplaced(self, namespace: str, meshes: Collection[Mesh]) -> set[Workload | None]:
        """Returns the workloads with a pod that these meshes would inject otherwise."""
        able = {mesh for mesh in meshes if self.planes[mesh].installed()}
        listed = self.client.list(PODS.collection(namespace))
        return {pods.workload(pod) for pod in listed if pods.running(pod) and misplaced(pod, able)}

    def wait_ready(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when pods that start in these namespaces get the proxies that they ask for."""
        for plane in self.installed():
            plane.wait_ready(namespaces, deadline)

    def settle(self, resources: Iterable[Resource], namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when the meshes have taken these objects in for these namespaces, as far as they tell."""
        planes = self.installed()
        for resource in resources:
            if resource.kind in ROUTE_KINDS:
                self._wait_reported(resource, planes, deadline)
        for plane in planes:
            plane.settle(namespaces, deadline)

    def faults(self, namespaces: Collection[str], accepted: Collection[str], deadline: Deadline) -> list[str]:
        """Returns what the meshes' own checks find wrong; all are asked at the same time."""
        planes = self.installed()
        with ThreadPoolExecutor(max(1, len(planes))) as pool:
            checks = [pool.submit(plane.faults, namespaces, accepted, deadline) for plane in planes]
            return [fault for check in checks for fault in check.result()]

    def _wait_reported(self, route: Resource, planes: Collection[ControlPlane], deadline: Deadline) -> None:
        path = self.discovery.endpoint(route.api_version, route.kind).only(route.namespace, route.name)
        metadata = map(Metadata.live, self.client.list(SERVICES.collection()))
        services = {(service.namespace, service.name) for service in metadata}

        def unmet(view: View) -> str | None:
            return unreported(view[path][0], planes, services) if view[path] else "it is gone"

        wait_until(self.client, f"{route} is taken in", [path], unmet, deadline)
