"""What the model says of one request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Step, Trace

_RULES = frozenset(
    "VirtualService HTTPRoute GRPCRoute TLSRoute TCPRoute ServiceProfile Service ServiceEntry".split()
)
_POLICIES = frozenset(
    "AuthorizationPolicy PeerAuthentication RequestAuthentication Server ServerAuthorization "
    "MeshTLSAuthentication NetworkAuthentication HTTPLocalRateLimitPolicy EgressNetwork NetworkPolicy "
    "Sidecar".split()
)


class Transport(StrEnum):
    """How a request's last connection, to the server's pod, was protected."""

    MUTUAL = "mutual"
    PLAINTEXT = "plaintext"
    REFUSED = "refused"
    """One side wants mutual TLS and the other doesn't."""


@dataclass(frozen=True)
class Answer:
    """One thing that may come back, and what decided so."""

    group: Group

    @property
    def outcome(self) -> Outcome:
        """What comes back."""
        return self.group.outcome

    @property
    def probability(self) -> Fraction:
        """How likely, exactly."""
        return self.group.weight

    @property
    def trace(self) -> Trace:
        """The resources and fields that led there, in order, with the alternatives that lost and why."""
        return self.group.trace

    @property
    def transport(self) -> Transport | None:
        """How the last connection was protected; None where the request reached no pod."""
        hop = self.outcome.hop
        if hop is None:
            return None
        if hop.refused:
            return Transport.REFUSED
        return Transport.MUTUAL if hop.mutual else Transport.PLAINTEXT

    @property
    def identities(self) -> tuple[str | None, str | None]:
        """The client's and the server's identity by mutual TLS, as their mesh writes them; else None."""
        hop = self.outcome.hop
        return (hop.client, hop.server) if hop else (None, None)

    @property
    def rule(self) -> Step | None:
        """The last route, profile or Service that chose where the request went, None if none did."""
        return self._last(_RULES)

    @property
    def policy(self) -> Step | None:
        """The last policy that let the request in or refused it, None if none was asked."""
        return self._last(_POLICIES)

    def _last(self, kinds: frozenset[str]) -> Step | None:
        taken = (one for one in reversed(self.trace) if not one.passed_over and not one.depth)
        return next((one for one in taken if one.resource and one.resource.kind in kinds), None)


@dataclass(frozen=True)
class Decision:
    """All that may come back of a request, exactly; `proxy` is what it leaves through, if anything."""

    request: Request
    proxy: str | None
    outcomes: Outcomes

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What may come back, the likeliest first; the probabilities sum to 1."""
        return tuple(map(Answer, sorted(self.outcomes.groups, key=lambda group: -group.weight)))
