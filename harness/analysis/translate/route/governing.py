"""Which VirtualService speaks for a Service on the sidecars: one alone, they aren't merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import Host
from harness.api.gateway_api.route import Route
from harness.api.istio.hosts import covers, specificity
from harness.model.network.services import fqdn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

_ROUTES = (("gateway.networking.k8s.io", "HTTPRoute"), ("gateway.networking.k8s.io", "GRPCRoute"))


@dataclass(frozen=True)
class Claim:
    """A VirtualService of the sidecars, the hosts that it names in full, and whether all clients see it."""

    resource: Resource
    hosts: tuple[str, ...]
    public: bool


def speakers(draft: Draft, claims: Iterable[Claim]) -> dict[Resource, list[Host]]:
    """Returns the hosts for which each VirtualService's rules count; reports claims that have no effect.

    The most specific host wins, then the narrowest export, then the oldest; a route on the Service comes
    before them all.
    """
    claims = tuple(claims)
    routed = frozenset(_routed(draft))
    found: dict[Resource, list[Host]] = {}
    claimed: dict[str, list[tuple[Claim, str, Host]]] = {}
    for claim in claims:
        found[claim.resource] = []
        for name in claim.hosts:
            for host in _named(draft, claim.resource, name):
                claimed.setdefault(host.name, []).append((claim, name, host))
    for rivals in claimed.values():
        # Claims come older first, and the sort is stable.
        rivals.sort(key=lambda rival: (tuple(-int(part) for part in specificity(rival[1])), rival[0].public))
        winner, host = rivals[0][0].resource, rivals[0][2]
        if host.service and host.key in routed:
            _report(draft, rivals, f"a route on {host.service} comes before it")
            continue
        found[winner].append(host)
        _report(draft, rivals[1:], f"{winner} speaks for {host.name}: several aren't merged")
    return found


def _report(draft: Draft, rivals: list[tuple[Claim, str, Host]], why: str) -> None:
    for claim, name, _ in rivals:
        if not name.startswith("*"):  # what a wildcard leaves to others is no surprise
            draft.report("no-effect.claim", claim.resource, "spec.hosts", name=name, problem=why)


def _named(draft: Draft, resource: Resource, name: str) -> Iterator[Host]:
    """The Services that a host means; a name outside of the cluster has none that a route could be on."""
    if not name.startswith("*"):
        host = draft.estate.host(name, "")
        if host.inside:
            yield host
        else:
            draft.report("outside-host", resource, "spec.hosts", name=name)
        return
    for service in draft.estate.services.values():
        if covers(name, fqdn(service)):
            yield Host(fqdn(service), service)


def _routed(draft: Draft) -> Iterator[tuple[str, str]]:
    for kind in _ROUTES:
        for route in draft.estate.all(*kind):
            for parent in Route.of(route).parents:
                if (parent.group, parent.kind) == ("", "Service"):
                    yield parent.namespace, parent.name
