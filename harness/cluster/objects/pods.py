"""What a pod's object says: whose it is, which proxies it has and should have, what keeps it from running."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.pod import PodSpec
from harness.api.kubernetes.status import Event, PodStatus
from harness.api.kubernetes.workload import made_by
from harness.api.marks import LINKERD_INGRESS
from harness.api.node import live
from harness.base import Mesh
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.base import Workload
    from harness.cluster.api import Json

metadata, spec, status = Metadata.live, PodSpec.live, PodStatus.live
"""What reads a pod's parts."""

PROXIES = frozenset(mesh.proxy for mesh in Mesh)

HOPELESS = frozenset(("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"))
"""Waiting reasons that time doesn't mend."""

DOUBLE_INJECTION = "double injection"
"""The reason of a pod with both meshes' proxies: neither lets the other connect, so it is never ready."""

RELAPSE = timedelta(seconds=10)

_UNDERWAY = frozenset(("", "PodInitializing", "ContainerCreating"))

_EVENT_MARGIN = timedelta(seconds=10)  # clocks, and the time from a webhook's call to the pod's creation


def name(pod: Json) -> str:
    """The pod's name."""
    return metadata(pod).name


def namespace(pod: Json) -> str:
    """The pod's namespace."""
    return metadata(pod).namespace


def uid(pod: Json) -> str:
    """What tells the pod from all others that ever had its name."""
    return metadata(pod).uid


def where(pod: Json) -> str:
    """The pod as messages name it."""
    return f"Pod {namespace(pod)}/{name(pod)}"


def workload(pod: Json) -> Workload | None:
    """Returns the Deployment, StatefulSet, or other controller that a pod belongs to."""
    return made_by(live(pod))


def proxies(pod: Json) -> tuple[Proxy, ...]:
    """Returns the meshes' proxies in a pod, native sidecars and ordinary containers."""
    containers = spec(pod)
    native = {container.name for container in containers.sidecars}
    named = {container.name: container for container in containers.lasting}
    ingress = {name for name, each in named.items() if each.variables.get(LINKERD_INGRESS) == "true"}
    return tuple(
        Proxy(mesh, mesh.proxy in native, mesh.proxy in ingress) for mesh in Mesh if mesh.proxy in named
    )


def meshes(pod: Json) -> frozenset[Mesh]:
    """Returns the meshes whose proxies are in a pod."""
    return frozenset(proxy.mesh for proxy in proxies(pod))


def choice(pod: Json, mesh: Mesh) -> bool | None:
    """Whether a pod itself asks for a mesh (True) or declines it (False); None leaves it to the namespace."""
    if spec(pod).host_network:
        return False
    return marks.choice(mesh, metadata(pod).labels, metadata(pod).annotations)


def application(pod: Json) -> str:
    """Returns the name of the container that is the workload's own."""
    containers = [container.name for container in spec(pod).containers]
    chosen = metadata(pod).annotations.get("kubectl.kubernetes.io/default-container")
    own = [container for container in containers if container not in PROXIES]
    return chosen if chosen in containers else (own or containers)[0]


def terminating(pod: Json) -> bool:
    """Whether a pod has been told to end."""
    return bool(metadata(pod).deleted)


def finished(pod: Json) -> bool:
    """Whether a pod has run to its end."""
    return status(pod).over


def lasting(pod: Json) -> bool:
    """Whether a pod hasn't ended, and wasn't told to."""
    return not finished(pod) and not terminating(pod)


def age(pod: Json, now: datetime) -> timedelta:
    """Returns how long ago a pod was made."""
    return now - datetime.fromisoformat(metadata(pod).created)


def started(pod: Json, container: str) -> bool:
    """Whether a container has started, its startup probe included."""
    return any(each.name == container and each.started for each in status(pod).of_template)


def running(pod: Json) -> bool:
    """Whether a pod runs and wasn't told to end."""
    return status(pod).phase == "Running" and not terminating(pod)


def ready(pod: Json) -> bool:
    """Whether a pod runs and its readiness probes succeed."""
    return running(pod) and status(pod).ready


def relapsing(pod: Json, now: datetime) -> bool:
    """Whether a container that failed before has been running again for too short a time to be trusted.

    Without a readiness probe it counts as ready from its start to its next failure.
    """
    return any(
        container.last_state.terminated.exit_code
        and container.state.running.started
        and now - datetime.fromisoformat(container.state.running.started) < RELAPSE
        for container in status(pod).containers
    )


def trouble(pod: Json) -> tuple[str, str] | None:
    """Returns the reason and the message of what keeps a pod from being ready, if it says so."""
    read = status(pod)
    containers = (*read.of_template, *read.ephemeral_containers)
    waiting = [container.state.waiting for container in containers]
    stalled = [state for state in waiting if state.reason not in _UNDERWAY]
    ended = [
        f"{container.name} ended with exit code {state.terminated.exit_code}"
        for container in containers
        for state in (container.state, container.last_state)
        if state.terminated.exit_code
    ]
    meshed = [container for container in containers if container.name in PROXIES]
    stuck = " and ".join(proxy.name for proxy in meshed if not proxy.ready) if len(meshed) > 1 else ""
    if stuck and not any(state.reason in HOPELESS for state in stalled):
        return DOUBLE_INJECTION, f"{stuck} never ready: two proxies in a pod take each other's connections"
    if stalled:
        worst = min(stalled, key=lambda state: state.reason not in HOPELESS)
        return worst.reason, "; ".join(filter(None, [worst.message, *ended]))
    if ended:
        return "Error", "; ".join(ended)
    for condition in read.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return condition.reason, condition.message
    return None


def unready(pod: Json) -> str:
    """Returns what keeps a pod from being ready, in words; empty if it is."""
    return "" if ready(pod) else ": ".join(filter(None, trouble(pod) or ("not ready",)))


def misplaced(pod: Json, wanted: Collection[Mesh]) -> bool:
    """Whether a pod's proxies aren't those that it would get if these meshes were asked to inject it.

    Asked for both, it would get Istio's: Linkerd skips a pod with a sidecar [semantics: two meshes].
    What the pod asks or declines itself doesn't depend on the namespace.
    """
    undecided = [mesh for mesh in Mesh if choice(pod, mesh) is None]
    expected = [mesh for mesh in undecided if mesh in wanted][:1]
    return any((mesh in meshes(pod)) != (mesh in expected) for mesh in undecided)


def skipped(pod: Json, workload: Workload, events: Iterable[Json]) -> tuple[tuple[Mesh, str], ...]:
    """Returns what Linkerd's injector said when it left this pod alone; Istio's says nothing.

    It writes an event about the workload while the pod is being made.
    """
    if Mesh.LINKERD in meshes(pod):
        return ()
    made = datetime.fromisoformat(metadata(pod).created) - _EVENT_MARGIN
    messages = [
        event.message
        for event in map(Event.live, events)
        if event.about.name in (workload.name, name(pod)) and datetime.fromisoformat(event.when) >= made
    ]
    return tuple((Mesh.LINKERD, message) for message in dict.fromkeys(messages))
