"""What Istio's webhook refuses of VirtualServices, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

from harness.api.istio import http_rule_validation
from harness.api.istio.hosts import MESH, covers, within
from harness.api.istio.http_rule_validation import weight_faults
from harness.api.istio.security import claims
from harness.api.istio.virtual_service import VirtualService
from harness.base.networks import is_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.virtual_service import ConnectionRule
    from harness.base.resources import Resource


def faults(resource: Resource) -> Iterator[str]:
    """Yields what is wrong with a VirtualService; NotModelledError for what the model can't decide on."""
    reading = VirtualService.of(resource)
    for rule in reading.http:
        http_rule_validation.refuse(rule)
    hosts, bound = reading.hosts, reading.gateways
    if reading.is_delegate:
        parts = (("gateways", bound), ("tls route", reading.tls), ("tcp route", reading.tcp))
        for what, entries in parts:
            if entries:
                yield f"delegate virtual service must have no {what} specified"
    if not bound or MESH in bound:
        yield from _claims(reading)
    if "*" in hosts and (not bound or MESH in bound):
        yield "wildcard host * is not allowed for virtual services bound to the mesh gateway"
    else:
        for host, other in combinations(hosts, 2):
            if covers(host, other) or covers(other, host):
                yield f"duplicate hosts in virtual service: {host} & {other}"
    if not (reading.http or reading.tcp or reading.tls):
        yield "http, tcp or tls must be provided in virtual service"
    for rule in reading.http:
        yield from http_rule_validation.faults(rule, delegate=reading.is_delegate)
    for connection_rule in reading.tls:
        yield from _tls_rule(connection_rule, hosts)
    for connection_rule in reading.tcp:
        yield from _connections(connection_rule, "TCP")
    yield from _exports(reading.export_to)


def _exports(exported: tuple[str, ...]) -> Iterator[str]:
    for namespace, times in Counter(exported).items():
        if times > 1:
            yield f"duplicate entries in exportTo for entry {namespace}"
    if "*" in exported and len(exported) > 1:
        yield "cannot have both public (*) and non-public exportTo values for a resource"


def _claims(reading: VirtualService) -> Iterator[str]:
    """Sidecars don't verify tokens before they route."""
    for match in (match for rule in reading.http for match in rule.matches):
        for name in (*match.headers, *match.without_headers):
            if claims.routed_by(name) is not None:
                yield (
                    f"JWT claim based routing (key: {name}) is only supported for gateway, "
                    f"found no gateways: [{' '.join(reading.gateways)}]"
                )


def _tls_rule(rule: ConnectionRule, hosts: tuple[str, ...]) -> Iterator[str]:
    if not rule.matches:
        yield "TLS route must have at least one match condition"
    for match in rule.matches:
        if not match.sni_hosts:
            yield "TLS match must have at least one SNI host"
        for sni in match.sni_hosts:
            if not any(within(sni, host) for host in hosts):
                yield (
                    f'SNI host "{sni}" is not a compatible subset of any of the virtual service hosts: '
                    f"[{', '.join(hosts)}]"
                )
    yield from _connections(rule, "TLS")


def _connections(rule: ConnectionRule, kind: str) -> Iterator[str]:
    for subnet in (subnet for match in rule.matches for subnet in match.destination_subnets):
        if not is_network(subnet):
            yield f"{subnet} is not a valid CIDR block" if "/" in subnet else f"{subnet} is not a valid IP"
    if not rule.route:
        yield f"{kind} route is required"
    yield from weight_faults(rule.route)
