"""DestinationRule: which one counts for a client and a host, its subsets and TLS mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model.installation import ROOT_NAMESPACE
from harness.model.istio.hosts import covers, full_host, specificity, visibility
from harness.model.objects import Fields, not_modelled, reason, spec_of

if TYPE_CHECKING:
    from harness.model.state import State
    from harness.resources import Resource
    from harness.traffic.trace import Reason


@dataclass(frozen=True)
class Subset:
    """A subset of a host's pods, and where it is written."""

    origin: Resource
    field: str
    labels: dict[str, str]
    policy: Fields


@dataclass(frozen=True)
class Destinations:
    """What DestinationRules say about a host: several of one namespace are merged, the oldest leads."""

    origins: tuple[Resource, ...] = ()

    def subset(self, name: str) -> Subset | None:
        """Returns the subset of this name, if one is defined."""
        for origin in self.origins:
            for index, part in enumerate(spec_of(origin).get("subsets") or ()):
                if part["name"] == name:
                    policy = part.get("trafficPolicy") or {}
                    return Subset(origin, f"spec.subsets[{index}]", part.get("labels") or {}, policy)
        return None

    def policy(self, port: int, subset: Subset | None) -> tuple[Fields, Reason | None]:
        """Returns the traffic policy for a port, and the reason for its TLS mode if it sets one.

        A subset's policy goes over the rule's, a port's over both.
        """
        merged: Fields = {}
        why: Reason | None = None
        levels = [(o, "spec.trafficPolicy", spec_of(o).get("trafficPolicy") or {}) for o in self.origins[:1]]
        if subset:
            levels.append((subset.origin, f"{subset.field}.trafficPolicy", subset.policy))
        for origin, field, policy in levels:
            for index, part in enumerate(policy.get("portLevelSettings") or ()):
                if (part.get("port") or {}).get("number") == port:
                    policy, field = part, f"{field}.portLevelSettings[{index}]"
            merged |= {key: value for key, value in policy.items() if value is not None}
            if policy.get("tls"):
                why = reason(origin, f"{field}.tls.mode", f"sets {policy['tls'].get('mode', 'DISABLE')}")
        mode = (merged.get("tls") or {}).get("mode")
        if mode in ("SIMPLE", "MUTUAL") and why is not None:
            origin = self.origins[0]
            raise not_modelled(
                origin, why.field, f"{mode} TLS is between the client's proxy and the application"
            )
        return merged, why


def find(state: State, host: str, namespace: str, owner: str) -> Destinations:
    """Returns the DestinationRules for a host as seen by clients of a namespace.

    Looked for in the client's namespace, then in the Service's (`owner`), then in the root
    namespace; in each the most specific host counts [Istio: DestinationRule lookup].
    """
    for place in dict.fromkeys((namespace, owner, ROOT_NAMESPACE)):
        candidates = [
            rule
            for rule in state.all("networking.istio.io", "DestinationRule", place)
            if covers(_host(rule), host) and visibility(rule, namespace) is not None
        ]
        if candidates:
            best = max(candidates, key=lambda rule: specificity(_host(rule)))
            return Destinations(tuple(rule for rule in candidates if _host(rule) == _host(best)))
    return Destinations()


def _host(resource: Resource) -> str:
    return full_host(spec_of(resource)["host"], resource.namespace)
