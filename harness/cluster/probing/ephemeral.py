"""A container added to a running pod: its traffic is that pod's, or that of its proxy's user."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from harness.base.errors import StageError
from harness.cluster.api.client import STRATEGIC_MERGE_PATCH
from harness.cluster.api.deadline import timed
from harness.cluster.api.discovery import PODS
from harness.cluster.api.watch import wait_until
from harness.cluster.objects import pods

if TYPE_CHECKING:
    from harness.cluster.api.client import Client, Json
    from harness.cluster.api.deadline import Deadline
    from harness.cluster.api.watch import View

logger = logging.getLogger(__name__)

NAME = "harness-curl"
USER = 65532
"""Neither root nor a proxy's user: its traffic is intercepted, and any pod security level admits it."""


def ensure(
    client: Client, pod: Json, image: str, deadline: Deadline, *, name: str = NAME, user: int = USER
) -> str:
    """Returns the name of the pod's running container for probes, which is added if it isn't there yet.

    Raises StageError if it can't be started. It stays as long as the pod does.
    """
    namespace, pod_name = pods.namespace(pod), pods.name(pod)
    if not any(one.name == name for one in pods.spec(pod).ephemeral_containers):
        client.patch(
            f"{PODS.path(namespace, pod_name)}/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [container(image, name, user)]}},
            content_type=STRATEGIC_MERGE_PATCH,
        )
    path, what = PODS.only(namespace, pod_name), f"container {name} in Pod {namespace}/{pod_name}"
    with timed(logger, what):
        wait_until(client, what, [path], lambda view: _unmet(view, path, name), deadline)
    return name


def container(image: str, name: str = NAME, user: int = USER) -> Json:
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


def _unmet(view: View, path: str, name: str) -> str | None:
    if not view[path]:
        raise StageError("the pod went away", where=path)
    pod = view[path][0]
    found = pods.trouble(pod)
    if found and found[0] in pods.HOPELESS:
        raise StageError(
            f"the image of container {name} can't be had: {found[0]}",
            why=found[1],
            todo="have it in the local Docker, or choose another one: --curl-image, --openssl-image",
        )
    known = (one.state for one in pods.status(pod).ephemeral_containers if one.name == name)
    state = next(known, None)
    if state and state.has("terminated"):
        raise StageError(f"container {name} ended", why=str(state.terminated.data))
    return None if state and state.has("running") else f"its state: {state.data if state else 'none yet'}"
