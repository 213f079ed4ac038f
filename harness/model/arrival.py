"""A request on its way from a client's side to a server's pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model.distribution import Branches
from harness.traffic.outcomes import Hop, Outcome

if TYPE_CHECKING:
    from harness.base.vocabulary import Mesh
    from harness.model.message import Message
    from harness.model.state.pods import Pod

WITNESS = "the model"


@dataclass(frozen=True)
class Arrival:
    """A request as it arrives at a pod; `tls` is the mesh whose mutual TLS the client's proxy began.

    `opaque` says that a proxy took it for bytes: it then knows the connection, and nothing of HTTP.
    """

    client: Pod
    server: Pod
    port: int
    message: Message
    tls: Mesh | None = None
    opaque: bool = False

    @property
    def hop(self) -> Hop:
        """How this connection is protected."""
        if self.tls is None:
            return Hop(mutual=False, witnesses=(WITNESS,), opaque=self.opaque)
        client, server = (pod.identities[self.tls] for pod in (self.client, self.server))
        return Hop(True, self.tls, client, (WITNESS,), server, opaque=self.opaque)

    @property
    def refused(self) -> Hop:
        """The same, where the server doesn't take connections that are protected so."""
        return replace(self.hop, refused=True)


Deliver = Callable[[Arrival], Branches[Outcome]]
"""What answers a request that arrives at a pod: its inbound proxy, if any, and its application."""
