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
from harness.api.refusal import Fault, about
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
        parts = (("gateways", "", bound), ("tls", " route", reading.tls), ("tcp", " route", reading.tcp))
        for field, suffix, entries in parts:
            if entries:
                words = f"delegate virtual service must have no {field}{suffix} specified"
                yield Fault(words, reading.at(field))
    if not bound or MESH in bound:
        yield from _claims(reading)
    if "*" in hosts and (not bound or MESH in bound):
        words = "wildcard host * is not allowed for virtual services bound to the mesh gateway"
        yield Fault(words, reading.entry("hosts", hosts.index("*")))
    else:
        for (_, host), (index, other) in combinations(enumerate(hosts), 2):
            if covers(host, other) or covers(other, host):
                words = f"duplicate hosts in virtual service: {host} & {other}"
                yield Fault(words, reading.entry("hosts", index))
    if not (reading.http or reading.tcp or reading.tls):
        yield "http, tcp or tls must be provided in virtual service"
    for rule in reading.http:
        yield from about(rule.path, http_rule_validation.faults(rule, delegate=reading.is_delegate))
    for connection_rule in reading.tls:
        yield from about(connection_rule.path, _tls_rule(connection_rule, hosts))
    for connection_rule in reading.tcp:
        yield from about(connection_rule.path, _connections(connection_rule, "TCP"))
    yield from _exports(reading)


def _exports(reading: VirtualService) -> Iterator[str]:
    exported = reading.export_to
    for namespace, times in Counter(exported).items():
        if times > 1:
            again = exported.index(namespace, exported.index(namespace) + 1)
            words = f"duplicate entries in exportTo for entry {namespace}"
            yield Fault(words, reading.entry("exportTo", again))
    if "*" in exported and len(exported) > 1:
        words = "cannot have both public (*) and non-public exportTo values for a resource"
        yield Fault(words, reading.entry("exportTo", exported.index("*")))


def _claims(reading: VirtualService) -> Iterator[str]:
    """Sidecars don't verify tokens before they route."""
    for match in (match for rule in reading.http for match in rule.matches):
        for name, text in (*match.headers.items(), *match.without_headers.items()):
            if claims.routed_by(name) is not None:
                yield Fault(
                    f"JWT claim based routing (key: {name}) is only supported for gateway, "
                    f"found no gateways: [{' '.join(reading.gateways)}]",
                    text.path,
                )


def _tls_rule(rule: ConnectionRule, hosts: tuple[str, ...]) -> Iterator[str]:
    if not rule.matches:
        yield "TLS route must have at least one match condition"
    for match in rule.matches:
        if not match.sni_hosts:
            yield Fault("TLS match must have at least one SNI host", match.at("sniHosts"))
        for index, sni in enumerate(match.sni_hosts):
            if not any(within(sni, host) for host in hosts):
                yield Fault(
                    f'SNI host "{sni}" is not a compatible subset of any of the virtual service hosts: '
                    f"[{', '.join(hosts)}]",
                    match.entry("sniHosts", index),
                )
    yield from _connections(rule, "TLS")


def _connections(rule: ConnectionRule, kind: str) -> Iterator[str]:
    for match in rule.matches:
        for index, subnet in enumerate(match.destination_subnets):
            if not is_network(subnet):
                words = f"{subnet} is not a valid {'CIDR block' if '/' in subnet else 'IP'}"
                yield Fault(words, match.entry("destinationSubnets", index))
    if not rule.route:
        yield Fault(f"{kind} route is required", rule.at("route"))
    yield from about(rule.at("route"), weight_faults(rule.route))
