"""Which VirtualService speaks for a Service on the sidecars: one alone, they aren't merged."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import Host
from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.istio.hosts import covers, specificity
from harness.model.network.services import fqdn
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.virtual_service import VirtualService
    from harness.base.resources import Resource

    Claim = tuple[VirtualService, str, Host]
    """A VirtualService, a host that it names in full, and a Service that this means."""


def is_public(reading: VirtualService) -> bool:
    """Returns whether clients of all namespaces see a VirtualService."""
    return "*" in (reading.export_to or ("*",))


def speakers(draft: Draft, readings: Iterable[VirtualService]) -> dict[Resource, list[Host]]:
    """Returns the hosts for which the rules of each of the sidecars' VirtualServices count, older ones first.

    The most specific host wins, then the narrowest export, then the oldest; a route on the Service comes
    before them all. Reports claims that have no effect.
    """
    routed = frozenset(_routed(draft))
    heard: defaultdict[Resource, list[Host]] = defaultdict(list)
    claimed = grouped(
        (host.name, (reading, name, host))
        for reading in readings
        for name in reading.full_hosts
        for host in _named(draft, reading, name)
    )
    for rivals in claimed.values():
        rivals.sort(key=_rank)  # which is stable
        winner, host = rivals[0][0].resource, rivals[0][2]
        if host.service and host.key in routed:
            _report(draft, rivals, f"a route on {host.service} comes before it")
            continue
        heard[winner].append(host)
        _report(draft, rivals[1:], f"{winner} speaks for {host.name}: several aren't merged")
    return heard


def _rank(claim: Claim) -> tuple[tuple[int, ...], bool]:
    reading, name, _ = claim
    return tuple(-int(part) for part in specificity(name)), is_public(reading)


def _report(draft: Draft, rivals: Iterable[Claim], why: str) -> None:
    for reading, name, _ in rivals:
        if not name.startswith("*"):  # what a wildcard leaves to others is no surprise
            draft.report("no-effect.claim", reading, "hosts", name=name, problem=why)


def _named(draft: Draft, reading: VirtualService, name: str) -> Iterator[Host]:
    """The Services that a host means; a name outside of the cluster has none that a route could be on."""
    if name.startswith("*"):
        services = {fqdn(service): service for service in draft.estate.services.values()}
        yield from (Host(full, service) for full, service in services.items() if covers(name, full))
        return
    host = draft.estate.host(name, "")
    if host.inside:
        yield host
    else:
        draft.report("outside-host", reading, "hosts", name=name)


def _routed(draft: Draft) -> Iterator[tuple[str, str]]:
    for kind in ("HTTPRoute", "GRPCRoute"):
        for route in map(Route.of, draft.estate.all(gateway_api.GROUP, kind)):
            for parent in route.parents:
                if (parent.group, parent.kind) == ("", "Service"):
                    yield parent.namespace, parent.name
