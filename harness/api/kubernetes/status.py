"""How objects are, as their cluster says, and what its Events tell of them."""

from __future__ import annotations

from harness.api import field
from harness.api.node import Node, Object, Status


class StatusCondition(Node):
    """A condition of an object's status; `generation` is that of the object which it is about."""

    type = field.text("type")
    status = field.text("status")
    reason = field.text("reason")
    message = field.text("message")
    generation = field.integer("observedGeneration")

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self.status == "True"


class StateDetails(Node):
    """Why a container doesn't run yet, since when it runs, or how it ended."""

    reason = field.text("reason")
    message = field.text("message")
    started = field.text("startedAt")
    exit_code = field.integer("exitCode")


class ContainerState(Node):
    """What a container does, or did before it was started again."""

    waiting = field.node("waiting", StateDetails)
    running = field.node("running", StateDetails)
    terminated = field.node("terminated", StateDetails)


class ContainerStatus(Node):
    """How a container is."""

    name = field.text("name")
    ready = field.boolean("ready")
    started = field.boolean("started")
    restarts = field.integer("restartCount")
    state = field.node("state", ContainerState)
    last_state = field.node("lastState", ContainerState)


class ConditionedStatus(Status):
    """How an object is, as far as its conditions say."""

    conditions = field.nodes("conditions", StatusCondition)

    def holding(self, wanted: str) -> StatusCondition | None:
        """Returns the condition of this type, if it holds."""
        return next((each for each in self.conditions if each.type == wanted and each.holds), None)

    @property
    def ready(self) -> bool:
        """Whether it is ready, by its condition of this name."""
        return self.holding("Ready") is not None


class AddressStatus(Node):
    """An address, of a pod or of its node."""

    ip = field.text("ip")


class PodStatus(ConditionedStatus):
    """How a pod is."""

    phase = field.text("phase")
    reason = field.text("reason")
    message = field.text("message")
    ip = field.text("podIP")
    node_ip = field.text("hostIP")
    _addresses = field.nodes("podIPs", AddressStatus)
    _node_addresses = field.nodes("hostIPs", AddressStatus)
    containers = field.nodes("containerStatuses", ContainerStatus)
    init_containers = field.nodes("initContainerStatuses", ContainerStatus)
    ephemeral_containers = field.nodes("ephemeralContainerStatuses", ContainerStatus)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses of its own, one for each version of IP."""
        return _distinct(self.ip, self._addresses)

    @property
    def node_addresses(self) -> tuple[str, ...]:
        """Those of the node that it runs on."""
        return _distinct(self.node_ip, self._node_addresses)

    @property
    def over(self) -> bool:
        """Whether the pod has run to its end."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def of_template(self) -> tuple[ContainerStatus, ...]:
        """How the containers are that the pod was made with, initial ones first."""
        return (*self.init_containers, *self.containers)


def _distinct(first: str, others: tuple[AddressStatus, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (first, *(other.ip for other in others)))))


class WorkloadStatus(ConditionedStatus):
    """How far a Deployment, StatefulSet or DaemonSet is."""

    generation = field.integer("observedGeneration")
    replicas = field.integer("replicas")
    updated = field.integer("updatedReplicas")
    available = field.integer("availableReplicas")
    scheduled = field.integer("desiredNumberScheduled")
    updated_scheduled = field.integer("updatedNumberScheduled")
    available_scheduled = field.integer("numberAvailable")


class Address(Node):
    """An address of a node, or of a load balancer."""

    type = field.text("type")
    address = field.text("address")
    ip = field.text("ip")
    hostname = field.text("hostname")


class NodeStatus(ConditionedStatus):
    """How a node of the cluster is, and where."""

    addresses = field.nodes("addresses", Address)


class LoadBalancerStatus(Node):
    """What a load balancer gave a Service."""

    ingress = field.nodes("ingress", Address)


class ServiceStatus(Status):
    """What a Service was given."""

    balancer = field.node("loadBalancer", LoadBalancerStatus)


class Involved(Node):
    """The object that an event is about."""

    kind = field.text("kind")
    name = field.text("name")


class Event(Object):
    """An Event."""

    type = field.text("type")
    reason = field.text("reason")
    message = field.text("message")
    about = field.node("involvedObject", Involved)
    last = field.text("lastTimestamp")
    first = field.text("eventTime")

    @property
    def when(self) -> str:
        """When it was told last (RFC 3339), empty if it doesn't say."""
        return self.last or self.first
