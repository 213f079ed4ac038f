"""A connection that Linkerd's proxy makes for its own pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model.message import ClientSide
from harness.model.network.services import Endpoint, ServicePort

if TYPE_CHECKING:
    from harness.base.resources import Resource


@dataclass(frozen=True)
class OutboundCall(ClientSide):
    """A connection to a Service's port, or to one endpoint: a pod's, or a place outside of the cluster.

    `parent` is what routes attach to: the Service or the EgressNetwork, if any. `default` is where the
    connection leads if no route says otherwise.
    """

    default: ServicePort | Endpoint
    parent: Resource | None = None

    @classmethod
    def of(
        cls, side: ClientSide, default: ServicePort | Endpoint, parent: Resource | None = None
    ) -> OutboundCall:
        """Returns the call that a client makes."""
        return cls(side.state, side.client, side.deliver, default, parent)

    @property
    def number(self) -> int:
        """The port that is dialled."""
        return self.default.number if isinstance(self.default, ServicePort) else self.default.port

    @property
    def service(self) -> Resource | None:
        """The Service that is dialled, if any."""
        return self.parent if self.parent is not None and self.parent.kind == "Service" else None

    @property
    def egress(self) -> Resource | None:
        """The EgressNetwork that sees it, if any."""
        return self.parent if self.parent is not None and self.parent.kind == "EgressNetwork" else None
