"""Pods and containers that probes are sent from, and the pods that were seen meanwhile."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.base import HarnessError, StageError, did_you_mean
from harness.cluster.api import PODS, execute, timed, wait_until
from harness.cluster.api.client import STRATEGIC_MERGE_PATCH
from harness.cluster.objects import pods
from harness.cluster.probing import curl
from harness.cluster.probing.curl import Curl

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from harness.base import Workload
    from harness.cluster.api import Client, ClusterSettings, Deadline, Json, View

logger = logging.getLogger(__name__)

NAME = "harness-curl"
USER = 65532
"""Neither root nor a proxy's user: its traffic is intercepted, and any pod security level admits it."""


@dataclass
class Sources:
    """Finds, for each workload, a container with curl; safe to share between threads.

    `seen` are the pods that there were at the last look, `known` all that ever were, by name and workload;
    `curls` are known by the pod's uid.
    """

    client: Client
    settings: ClusterSettings
    provide_images: Callable[[Collection[str]], None]
    lock: threading.Lock = field(default_factory=threading.Lock)
    curls: dict[str, Curl] = field(default_factory=dict)
    seen: list[Json] = field(default_factory=list)
    known: dict[str, dict[Workload, Json]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def owners(self) -> Mapping[str, Workload]:
        """The workloads of the pods whose names tell them."""
        return {name: next(iter(owners)) for name, owners in self.known.items() if len(owners) == 1}

    def sender(self, source: Workload, deadline: Deadline) -> Curl:
        """Returns where curl can be run in a ready pod of a workload, which is waited for."""
        with self.lock:
            return self.equipped(self._ready_pod(source, deadline), deadline)

    def address(self, workload: Workload, deadline: Deadline) -> str:
        """Returns the address of a ready pod of a workload, which is waited for."""
        with self.lock:
            return pods.status(self._ready_pod(workload, deadline)).ip

    def equipped(self, pod: Json, deadline: Deadline) -> Curl:
        """Returns where in a pod curl can be run: in its own container, or in one that is added."""
        uid = pods.uid(pod)
        if uid not in self.curls:
            self.curls[uid] = self._equip(pod, deadline)
        return self.curls[uid]

    def _equip(self, pod: Json, deadline: Deadline) -> Curl:
        own = pods.application(pod)
        version = self._version(pod, own, deadline)
        if version:
            return Curl(pods.name(pod), own, version)
        self.provide_images([self.settings.curl_image])
        added = add_container(self.client, pod, self.settings.curl_image, deadline)
        version = self._version(pod, added, deadline)
        if version is None:
            raise HarnessError(
                f"{self.settings.curl_image} can't send probes",
                todo="choose a curl_image with sh, mktemp and curl {}.{} or newer".format(*curl.OLDEST),
            )
        return Curl(pods.name(pod), added, version)

    def _version(self, pod: Json, container: str, deadline: Deadline) -> tuple[int, ...] | None:
        namespace = pods.namespace(pod)
        done = execute(self.client, namespace, pods.name(pod), container, curl.CHECK, deadline)
        return curl.usable(done.stdout) if done.code == 0 else None

    def _ready_pod(self, source: Workload, deadline: Deadline) -> Json:
        mine = self._of(source, self.look())
        if not mine:
            names = {str(owner) for owners in self.known.values() for owner in owners}
            raise HarnessError(
                f"there is no workload {source} with a pod", why=did_you_mean(str(source), names)
            )
        ready = list(filter(pods.ready, mine))
        if not ready:
            path = PODS.collection(source.namespace)

            def unmet(view: View) -> str | None:
                now = self._of(source, view[path])
                ready.extend(filter(pods.ready, now))
                if ready:
                    return None
                troubles = [(pods.name(pod), *trouble) for pod in now if (trouble := pods.trouble(pod))]
                return "; ".join(map(": ".join, troubles)) or "no pod is ready"

            wait_until(self.client, f"a pod of {source} is ready", [path], unmet, deadline)
        return min(ready, key=pods.name)

    def _of(self, source: Workload, items: Sequence[Json]) -> list[Json]:
        return [pod for pod in items if pods.workload(pod) == source]

    def look(self) -> list[Json]:
        """Lists the cluster's pods, and remembers them: an answer may name one that is gone by then."""
        self.seen = items = self.client.list(PODS.collection())
        for pod in items:
            owner = pods.workload(pod)
            if owner:
                self.known[pods.name(pod)][owner] = pod
        return items


def add_container(
    client: Client, pod: Json, image: str, deadline: Deadline, *, name: str = NAME, user: int = USER
) -> str:
    """Returns the name of the pod's running container for probes, which is added if it isn't there yet.

    Raises StageError if it can't be started. It stays as long as the pod does.
    """
    namespace, pod_name = pods.namespace(pod), pods.name(pod)
    if name not in (container.name for container in pods.spec(pod).ephemeral_containers):
        client.patch(
            f"{PODS.path(namespace, pod_name)}/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [_container(image, name, user)]}},
            content_type=STRATEGIC_MERGE_PATCH,
        )
    path, what = PODS.only(namespace, pod_name), f"container {name} in Pod {namespace}/{pod_name}"
    with timed(logger, what):
        wait_until(client, what, [path], lambda view: _unstarted(view, path, name), deadline)
    return name


def _container(image: str, name: str = NAME, user: int = USER) -> Json:
    """Returns the ephemeral container's spec, fit for the `restricted` Pod Security Standard."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "2147483647"],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _unstarted(view: View, path: str, name: str) -> str | None:
    if not view[path]:
        raise StageError("the pod went away", where=path)
    pod = view[path][0]
    reason, words = pods.trouble(pod) or ("", "")
    if reason in pods.HOPELESS:
        raise StageError(
            f"the image of container {name} can't be had: {reason}",
            why=words,
            todo="have it in the local Docker, or choose another one: --curl-image, --openssl-image",
        )
    statuses = pods.status(pod).ephemeral_containers
    state = next((status.state for status in statuses if status.name == name), None)
    if state and state.has("terminated"):
        raise StageError(f"container {name} ended", why=str(state.terminated.data))
    return None if state and state.has("running") else f"its state: {state.data if state else 'none yet'}"
