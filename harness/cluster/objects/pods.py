"""What a pod's object says: whose it is, which proxies it has, what keeps it from running."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.api import marks
from harness.base.vocabulary import Mesh, Workload
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.cluster.api.client import Json

HOPELESS = frozenset(("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"))
"""Waiting reasons that time doesn't mend."""

DOUBLE_INJECTION = "double injection"
"""The reason of a pod with both meshes' proxies: neither lets the other connect, so it is never ready."""

RELAPSE = timedelta(seconds=10)

_CHOICE = {Mesh.ISTIO: marks.ISTIO_INJECT, Mesh.LINKERD: marks.LINKERD_INJECT}
_CHOSEN = {"true": True, "enabled": True, "ingress": True, "false": False, "disabled": False}


def name(pod: Json) -> str:
    """The pod's name."""
    return str(pod["metadata"]["name"])


def workload(pod: Json) -> Workload | None:
    """Returns the Deployment, StatefulSet, or other controller that a pod belongs to."""
    metadata = pod["metadata"]
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash')}"
            found = owner["name"].removesuffix(suffix) if owner["kind"] == "ReplicaSet" else owner["name"]
            return Workload(metadata["namespace"], found)
    return None


def proxies(pod: Json) -> tuple[Proxy, ...]:
    """Returns the meshes' proxies in a pod, native sidecars and ordinary containers."""
    spec = pod["spec"]
    native = {
        container["name"]
        for container in spec.get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }
    ordinary = {container["name"] for container in spec["containers"]}
    return tuple(Proxy(mesh, native=mesh.proxy in native) for mesh in Mesh if mesh.proxy in native | ordinary)


def meshes(pod: Json) -> frozenset[Mesh]:
    """Returns the meshes whose proxies are in a pod."""
    return frozenset(proxy.mesh for proxy in proxies(pod))


def choice(pod: Json, mesh: Mesh) -> bool | None:
    """Whether a pod itself asks for a mesh (True) or declines it (False); None leaves it to the namespace."""
    if pod["spec"].get("hostNetwork"):
        return False
    for part in ("labels", "annotations"):
        value = (pod["metadata"].get(part) or {}).get(_CHOICE[mesh])
        if value in _CHOSEN:
            return _CHOSEN[value]
    return None


def application(pod: Json) -> str:
    """Returns the name of the container that is the workload's own."""
    metadata, containers = pod["metadata"], [container["name"] for container in pod["spec"]["containers"]]
    chosen = (metadata.get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    own = [container for container in containers if container not in {mesh.proxy for mesh in Mesh}]
    return str(chosen if chosen in containers else (own or containers)[0])


def terminating(pod: Json) -> bool:
    """Whether a pod has been told to end."""
    return "deletionTimestamp" in pod["metadata"]


def finished(pod: Json) -> bool:
    """Whether a pod has run to its end."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def lasting(pod: Json) -> bool:
    """Whether a pod hasn't ended, and wasn't told to."""
    return not finished(pod) and not terminating(pod)


def age(pod: Json, now: datetime) -> timedelta:
    """Returns how long ago a pod was made."""
    return now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def started(pod: Json, container: str) -> bool:
    """Whether a container has started, its startup probe included."""
    status = pod.get("status") or {}
    known = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return any(one["name"] == container and bool(one.get("started")) for one in known)


def running(pod: Json) -> bool:
    """Whether a pod runs and wasn't told to end."""
    return (pod.get("status") or {}).get("phase") == "Running" and not terminating(pod)


def ready(pod: Json) -> bool:
    """Whether a pod runs and its readiness probes succeed."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return running(pod) and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def relapsing(pod: Json, now: datetime) -> bool:
    """Whether a container that failed before has been running again for too short a time to be trusted.

    Without a readiness probe it counts as ready from its start to its next failure.
    """
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        failed = (container.get("lastState", {}).get("terminated") or {}).get("exitCode")
        started = (container.get("state", {}).get("running") or {}).get("startedAt")
        if failed and started and now - datetime.fromisoformat(started) < RELAPSE:
            return True
    return False


def trouble(pod: Json) -> tuple[str, str] | None:
    """Returns the reason and the message of what keeps a pod from being ready, if it says so."""
    status = pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
        *(status.get("ephemeralContainerStatuses") or ()),
    ]
    waiting = [container.get("state", {}).get("waiting") or {} for container in containers]
    told = [state for state in waiting if state.get("reason") not in _UNDERWAY]
    ended = [
        f"{container['name']} ended with exit code {last['exitCode']}"
        for container in containers
        for state in ("state", "lastState")
        if (last := container.get(state, {}).get("terminated")) and last.get("exitCode")
    ]
    hopeless = any(state.get("reason") in HOPELESS for state in told)
    if (stuck := _unready_proxies(containers)) and not hopeless:
        return DOUBLE_INJECTION, f"{stuck} never ready: two proxies in a pod take each other's connections"
    if told:
        worst = min(told, key=lambda state: state.get("reason") not in HOPELESS)
        return str(worst["reason"]), "; ".join(filter(None, [worst.get("message"), *ended]))
    if ended:
        return "Error", "; ".join(ended)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("reason")), str(condition.get("message") or "")
    return None


def told(pod: Json) -> str:
    """Returns what keeps a pod from being ready, in words; empty if it is."""
    return "" if ready(pod) else ": ".join(filter(None, trouble(pod) or ("not ready",)))


def _unready_proxies(containers: Iterable[Json]) -> str:
    """Which of a pod's proxies aren't ready, where it has both meshes'."""
    proxied = [one for one in containers if one.get("name") in {mesh.proxy for mesh in Mesh}]
    unready = [str(one["name"]) for one in proxied if not one.get("ready")]
    return " and ".join(unready) if len(proxied) > 1 else ""


_UNDERWAY = frozenset(("PodInitializing", "ContainerCreating", None))
