"""How a pod is, as its cluster says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from harness.api.node import Node, boolean, integer, node, nodes, text

if TYPE_CHECKING:
    from harness.base.resources import Resource


class Condition(Node):
    """A condition of an object's status; `generation` is that of the object which it is about."""

    type = text("type")
    status = text("status")
    reason = text("reason")
    message = text("message")
    generation = integer("observedGeneration")

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self.status == "True"


class Waiting(Node):
    """Why a container doesn't run yet."""

    reason = text("reason")
    message = text("message")


class Running(Node):
    """Since when a container runs."""

    started = text("startedAt")


class Terminated(Node):
    """How a container ended."""

    exit_code = integer("exitCode")


class ContainerState(Node):
    """What a container does, or did before it was started again."""

    waiting = node("waiting", Waiting)
    running = node("running", Running)
    terminated = node("terminated", Terminated)


class ContainerStatus(Node):
    """How a container is."""

    name = text("name")
    ready = boolean("ready")
    started = boolean("started")
    state = node("state", ContainerState)
    last_state = node("lastState", ContainerState)


class PodStatus(Node):
    """How a pod is."""

    phase = text("phase")
    ip = text("podIP")
    conditions = nodes("conditions", Condition)
    containers = nodes("containerStatuses", ContainerStatus)
    init_containers = nodes("initContainerStatuses", ContainerStatus)
    ephemeral_containers = nodes("ephemeralContainerStatuses", ContainerStatus)

    @classmethod
    def of(cls, resource: Resource) -> Self:
        """Returns a fresh reading of a Pod's status; an absent one is empty."""
        return cls(resource, "status", resource.data.get("status"))

    @property
    def over(self) -> bool:
        """Whether the pod has run to its end."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        """Whether its readiness probes succeed."""
        return any(condition.type == "Ready" and condition.holds for condition in self.conditions)
