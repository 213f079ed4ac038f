"""A request on its way from a client's side to a server's pod."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model.distribution import Branches
from harness.traffic.outcomes import Hop, Outcome
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.message import Message
    from harness.model.pods import Pod

WITNESS = "the model"


@dataclass(frozen=True)
class Arrival:
    """A request as it arrives at a pod; `tls` is the mesh whose mutual TLS the client's proxy began."""

    client: Pod
    server: Pod
    port: int
    message: Message
    tls: Mesh | None = None

    @property
    def hop(self) -> Hop:
        """How this connection is protected."""
        if self.tls is None:
            return Hop(mutual=False, witnesses=(WITNESS,))
        identity = f"spiffe://{self.client.spiffe}" if self.tls is Mesh.ISTIO else self.client.dns_identity
        return Hop(mutual=True, mesh=self.tls, client=identity, witnesses=(WITNESS,))


Deliver = Callable[[Arrival], Branches[Outcome]]
"""What answers a request that arrives at a pod: its inbound proxy, if any, and its application."""
