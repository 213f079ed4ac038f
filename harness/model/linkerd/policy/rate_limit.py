"""HTTPLocalRateLimitPolicy: how many requests a second a Server's port takes.

A limit depends on the requests before: each proxy lets a burst of a second's worth pass, and then what the
rate allows. A request that the model decides comes alone, so within every limit; the trace says what
happens to more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.objects import spec_of
from harness.base.vocabulary import Mesh
from harness.model.linkerd import config
from harness.model.linkerd.policy.authentication import GROUP, service_account
from harness.model.state.tables import per_state
from harness.traffic.trace import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.arrival import Arrival
    from harness.model.linkerd.config import Config
    from harness.model.state.state import State
    from harness.traffic.trace import Reason


@dataclass(frozen=True)
class RateLimit:
    """A Server's limit, and those that an older one keeps from counting."""

    settings: Config
    resource: Resource
    superseded: tuple[Resource, ...] = ()

    def trace(self, arrival: Arrival) -> tuple[Reason, ...]:
        """Returns the limits that a client's requests are under, the narrower last."""
        return tuple(self._trace(arrival))

    def _trace(self, arrival: Arrival) -> Iterator[Reason]:
        for other in self.superseded:
            text = f"{self.resource} is older: one limit counts for a Server"
            yield reason(other, "spec.targetRef", text, lost=True)
        spec = spec_of(self.resource)
        if spec.get("total"):
            yield self._reason("spec.total", spec["total"], "all clients together")
        override = self._override(arrival)
        if override is not None:
            field = f"spec.overrides[{override}]"
            yield self._reason(field, spec["overrides"][override], "the clients that it names together")
        elif spec.get("identity"):
            yield self._reason("spec.identity", spec["identity"], "each identity (the unmeshed as one)")

    def _override(self, arrival: Arrival) -> int | None:
        """The last override for the client's identity: a later one takes an earlier one's place."""
        if arrival.tls is not Mesh.LINKERD:
            return None
        identity, found = arrival.client.dns_identity, None
        for index, part in enumerate(spec_of(self.resource).get("overrides") or ()):
            accounts = (
                service_account(self.settings, one["name"], one.get("namespace") or self.resource.namespace)
                for one in part["clientRefs"]
            )
            if identity in accounts:
                found = index
        return found

    def _reason(self, field: str, part: dict[str, int], who: str) -> Reason:
        rate = part["requestsPerSecond"]
        text = f"lets {rate} requests a second of {who} pass, this one among them; more would get 429"
        return reason(self.resource, f"{field}.requestsPerSecond", text)


def of(state: State, server: Resource) -> RateLimit | None:
    """Returns the limit on a Server, the oldest of several (of one age: the first by name)."""
    found = _by_server(state).get((server.namespace, server.name))
    return RateLimit(config.of(state), found[0], tuple(found[1:])) if found else None


@per_state
def _by_server(state: State) -> dict[tuple[str, str], list[Resource]]:
    found: dict[tuple[str, str], list[Resource]] = {}
    for policy in state.all(GROUP, "HTTPLocalRateLimitPolicy"):
        found.setdefault((policy.namespace, spec_of(policy)["targetRef"]["name"]), []).append(policy)
    return found
