"""What a provider sees on a real cluster, without changing it: probes, pods, objects, counters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.cluster.api import EVENTS, Deadline
from harness.cluster.load.load import BackgroundLoad
from harness.cluster.objects import diagnostics
from harness.cluster.objects import pods as podlib
from harness.cluster.objects.pods import skipped
from harness.cluster.objects.snapshot import standing
from harness.cluster.probing import counters, kubelet, services
from harness.manifests.objects import from_api
from harness.meshes import gateway_api
from harness.traffic.observables import Arrived, Pod, Probed, Resolution

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.base import Mesh, ObjectName, Resource, Workload
    from harness.cluster.api import ClusterSettings
    from harness.ground.connection import Connection
    from harness.traffic.load import Load
    from harness.traffic.observables import Meter, Metered
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.traffic.status import Status


@dataclass
class Footprint:
    """What a scenario has touched: namespaces that were made, that hold its objects, that were placed."""

    made: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)

    def memory(self) -> dict[str, list[str]]:
        return {kind: sorted(names) for kind, names in vars(self).items()}

    def remember(self, memory: Mapping[str, Iterable[str]]) -> None:
        for kind, names in vars(self).items():
            names.update(memory.get(kind, ()))


class ClusterObserver(ABC):
    """Looks at a cluster; a subclass connects to it, and keeps the footprint of what it does there."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self._footprint = Footprint()

    @cached_property
    @abstractmethod
    def _at(self) -> Connection: ...

    def find(self, name: ObjectName) -> Resource | None:
        """Returns an object as it stands now, or None; raises ApiError for a kind that isn't there."""
        data = self._at.client.find(self._at.discovery.named(name).path(name.namespace, name.name))
        return next(iter(from_api([data], "")), None) if data else None

    def status(self, name: ObjectName) -> tuple[Status, ...]:
        live = self._at.client.find(self._at.discovery.named(name).path(name.namespace, name.name))
        return gateway_api.reports(live) if live else ()

    def refusal(self, resource: Resource) -> str | None:
        return self._at.applier.refusal(resource)

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        """Sends `count` equal requests by one exec in the client's pod."""
        return self._at.prober.send(request, count, witness=witness)

    def load(self, loads: Sequence[Load]) -> BackgroundLoad:
        """Sends loads from their clients' pods until they are ended."""
        at, timeout = self._at, self.settings.timeout
        return BackgroundLoad(at.client, at.prober.equipped, loads, timeout, lambda: self._footprint.used)

    def count(self, request: Request, count: int, at: Workload) -> Arrived:
        return self._at.prober.count(request, count, at)

    def resolve(self, source: Workload, name: str) -> Resolution:
        return self._at.prober.resolve(source, name)

    def control(self, request: Request) -> str:
        return self._at.prober.control(request)

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        """Returns the workload's pods, but those that are ending, by name."""
        at = self._at
        mine = services.pods_of(at.client, workload, podlib.lasting)
        events = at.client.list(
            EVENTS.collection(workload.namespace), {"fieldSelector": "reason=InjectionSkipped"}
        )
        return tuple(
            Pod(podlib.name(pod), podlib.proxies(pod), skipped(pod, workload, events), podlib.unready(pod))
            for pod in sorted(mine, key=podlib.name)
        )

    def metered(self, request: Request, count: int, meter: Meter) -> Metered:
        at = self._at
        return counters.metered(at.client, at.prober, at.planes[meter.mesh], request, count, meter)

    def probes(self, workload: Workload) -> tuple[Probed, ...]:
        return kubelet.probes(self._at.client, workload, Deadline(self.settings.timeout))

    def diagnose(self, folder: Path) -> bool:
        """Fills a folder with what the cluster looks like now; returns False where there is none yet."""
        if "_at" not in self.__dict__:
            return False
        at = self._at
        diagnostics.collect(
            at.client, at.discovery, self._footprint.used, at.applier.created.values(), folder
        )
        return True

    def standing(self, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
        return standing(self._at.client, namespaces, meshes)

    def versions(self) -> Mapping[str, str]:
        """Returns the versions of Kubernetes, of each mesh that is installed, and of the Gateway API."""
        at = self._at
        meshes = {mesh.value: plane.version() for mesh, plane in at.planes.items() if plane.installed()}
        kubernetes = str(at.client.get("/version")["gitVersion"]).removeprefix("v")
        return {"kubernetes": kubernetes, **meshes, "gateway-api": gateway_api.release_of(at.client)}
