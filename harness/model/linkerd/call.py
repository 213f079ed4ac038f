"""A connection that Linkerd's proxy makes for its own pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model.network.services import Endpoint, ServicePort

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.arrival import Deliver
    from harness.model.state.pods import Pod
    from harness.model.state.state import State


@dataclass(frozen=True)
class OutboundCall:
    """A connection to a Service's port, or to one endpoint: a pod's, or a place outside of the cluster.

    `parent` is what routes attach to: the Service or the EgressNetwork, if any. `default` is where the
    connection leads if no route says otherwise.
    """

    state: State
    client: Pod
    default: ServicePort | Endpoint
    deliver: Deliver
    parent: Resource | None = None

    @property
    def number(self) -> int:
        """The port that is dialled."""
        return self.default.number if isinstance(self.default, ServicePort) else self.default.port
