"""Whether a pod has the proxies that it should have, and what an injector said when it left it alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.api.kubernetes.status import Event
from harness.base.vocabulary import Mesh
from harness.cluster.objects import pods

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.base.vocabulary import Workload
    from harness.cluster.api.client import Json

_EVENT_MARGIN = timedelta(seconds=10)  # clocks, and the time from a webhook's call to the pod's creation


def misplaced(pod: Json, asked: Collection[Mesh]) -> bool:
    """Whether a pod's proxies aren't those that it would get if these meshes were asked to inject it.

    Asked for both, it would get Istio's: Linkerd skips a pod with a sidecar [semantics: two meshes].
    What the pod asks or declines itself doesn't depend on the namespace.
    """
    undecided = [mesh for mesh in Mesh if pods.choice(pod, mesh) is None]
    expected = [mesh for mesh in undecided if mesh in asked][:1]
    return any((mesh in pods.meshes(pod)) != (mesh in expected) for mesh in undecided)


def skipped(pod: Json, workload: Workload, events: Iterable[Json]) -> tuple[tuple[Mesh, str], ...]:
    """Returns what Linkerd's injector said when it left this pod alone; Istio's says nothing.

    It writes an event about the workload while the pod is being made.
    """
    if Mesh.LINKERD in pods.meshes(pod):
        return ()
    made = datetime.fromisoformat(pods.metadata(pod).created) - _EVENT_MARGIN
    messages = [
        event.message
        for event in map(Event.live, events)
        if event.about.name in (workload.name, pods.name(pod)) and datetime.fromisoformat(event.when) >= made
    ]
    return tuple((Mesh.LINKERD, message) for message in dict.fromkeys(messages))
