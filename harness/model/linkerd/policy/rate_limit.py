"""HTTPLocalRateLimitPolicy: how many requests a second a Server's port takes.

A limit depends on the requests before: each proxy lets a burst of a second's worth pass, and then what the
rate allows. A request that the model decides comes alone, so within every limit; the trace says what
happens to more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP
from harness.api.linkerd.identity import service_account
from harness.api.linkerd.policy import HTTPLocalRateLimitPolicy
from harness.base.vocabulary import Mesh
from harness.model.linkerd import config
from harness.model.state.tables import grouped, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.linkerd.policy import RateOverride, RequestRate
    from harness.base.resources import Resource
    from harness.model.message import Arrival
    from harness.model.state import State


@dataclass(frozen=True)
class RateLimit:
    """A Server's limit, and those that an older one keeps from counting."""

    trust_domain: str
    policy: HTTPLocalRateLimitPolicy
    superseded: tuple[Resource, ...] = ()

    def trace(self, arrival: Arrival) -> tuple[Step, ...]:
        """Returns the limits that a client's requests are under, the narrower last."""
        return tuple(self._trace(arrival))

    def _trace(self, arrival: Arrival) -> Iterator[Step]:
        for other in self.superseded:
            text = "{} is older: one limit counts for a Server"
            yield step(other, "spec.targetRef", Action.OUTRANKED, text, self.policy.resource)
        if self.policy.total:
            yield _step(self.policy.total, "all clients together")
        override = self._override(arrival)
        if override is not None:
            yield _step(override, "the clients that it names together")
        elif self.policy.identity:
            yield _step(self.policy.identity, "each identity (the unmeshed as one)")

    def _override(self, arrival: Arrival) -> RateOverride | None:
        """The last override for the client's identity: a later one takes an earlier one's place."""
        if arrival.tls is not Mesh.LINKERD:
            return None
        identity, found = arrival.client.identities[Mesh.LINKERD], None
        for override in self.policy.overrides:
            accounts = (
                service_account(one.name, one.namespace, self.trust_domain) for one in override.clients
            )
            if identity in accounts:
                found = override
        return found


def _step(rate: RequestRate, who: str) -> Step:
    text = "lets {} requests a second of {} pass, this one among them; more would get 429"
    return step(rate.resource, rate.at("requestsPerSecond"), Action.LIMITED, text, rate.requests, who)


def of(state: State, server: Resource) -> RateLimit | None:
    """Returns the limit on a Server, the oldest of several (of one age: the first by name)."""
    found = _by_server(state).get((server.namespace, server.name))
    if not found:
        return None
    oldest = HTTPLocalRateLimitPolicy.kept(found[0])
    return RateLimit(config.of(state).trust_domain, oldest, tuple(found[1:]))


@per_state
def _by_server(state: State) -> dict[tuple[str, str], list[Resource]]:
    policies = state.all(GROUP, "HTTPLocalRateLimitPolicy")
    return grouped(
        ((policy.namespace, HTTPLocalRateLimitPolicy.kept(policy).target.name), policy) for policy in policies
    )
