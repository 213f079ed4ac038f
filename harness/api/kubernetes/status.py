"""How objects are, as their cluster says, and what its Events tell of them."""

from __future__ import annotations

from harness.api.field import boolean, integer, node, nodes, text
from harness.api.node import Node, Object, Status


class StatusCondition(Node):
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


class StateDetails(Node):
    """Why a container doesn't run yet, since when it runs, or how it ended."""

    reason = text("reason")
    message = text("message")
    started = text("startedAt")
    exit_code = integer("exitCode")


class ContainerState(Node):
    """What a container does, or did before it was started again."""

    waiting = node("waiting", StateDetails)
    running = node("running", StateDetails)
    terminated = node("terminated", StateDetails)


class ContainerStatus(Node):
    """How a container is."""

    name = text("name")
    ready = boolean("ready")
    started = boolean("started")
    restarts = integer("restartCount")
    state = node("state", ContainerState)
    last_state = node("lastState", ContainerState)


class ConditionedStatus(Status):
    """How an object is, as far as its conditions say."""

    conditions = nodes("conditions", StatusCondition)

    def holding(self, wanted: str) -> StatusCondition | None:
        """Returns the condition of this type, if it holds."""
        return next((each for each in self.conditions if each.type == wanted and each.holds), None)

    @property
    def ready(self) -> bool:
        """Whether it is ready, by its condition of this name."""
        return self.holding("Ready") is not None


class PodStatus(ConditionedStatus):
    """How a pod is."""

    phase = text("phase")
    reason = text("reason")
    message = text("message")
    ip = text("podIP")
    containers = nodes("containerStatuses", ContainerStatus)
    init_containers = nodes("initContainerStatuses", ContainerStatus)
    ephemeral_containers = nodes("ephemeralContainerStatuses", ContainerStatus)

    @property
    def over(self) -> bool:
        """Whether the pod has run to its end."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def of_template(self) -> tuple[ContainerStatus, ...]:
        """How the containers are that the pod was made with, initial ones first."""
        return (*self.init_containers, *self.containers)


class WorkloadStatus(ConditionedStatus):
    """How far a Deployment, StatefulSet or DaemonSet is."""

    generation = integer("observedGeneration")
    replicas = integer("replicas")
    updated = integer("updatedReplicas")
    available = integer("availableReplicas")
    scheduled = integer("desiredNumberScheduled")
    updated_scheduled = integer("updatedNumberScheduled")
    available_scheduled = integer("numberAvailable")


class Address(Node):
    """An address of a node, or of a load balancer."""

    type = text("type")
    address = text("address")
    ip = text("ip")
    hostname = text("hostname")


class NodeStatus(ConditionedStatus):
    """How a node of the cluster is, and where."""

    addresses = nodes("addresses", Address)


class LoadBalancerStatus(Node):
    """What a load balancer gave a Service."""

    ingress = nodes("ingress", Address)


class ServiceStatus(Status):
    """What a Service was given."""

    balancer = node("loadBalancer", LoadBalancerStatus)


class Involved(Node):
    """The object that an event is about."""

    kind = text("kind")
    name = text("name")


class Event(Object):
    """An Event."""

    type = text("type")
    reason = text("reason")
    message = text("message")
    about = node("involvedObject", Involved)
    last = text("lastTimestamp")
    first = text("eventTime")

    @property
    def when(self) -> str:
        """When it was told last (RFC 3339), empty if it doesn't say."""
        return self.last or self.first
