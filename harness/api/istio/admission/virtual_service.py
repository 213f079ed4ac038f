"""What Istio's webhook refuses of VirtualServices, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from harness.api.istio.admission import forms, http_matches, http_rules
from harness.api.istio.admission.exports import export_faults
from harness.api.istio.admission.http_rules import weight_faults
from harness.api.istio.hosts import MESH, covers, within
from harness.api.istio.http_rule import FaultAbort, FaultDelay, HTTPRedirect
from harness.api.istio.security import claims
from harness.api.istio.virtual_service import ConnectionMatch, VirtualService
from harness.api.refusal import Fault, about, each, exclusive
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.virtual_service import ConnectionRule
    from harness.api.refusal import Rules


def _virtual_service(reading: VirtualService) -> Iterator[str]:
    bound = reading.gateways
    if reading.is_delegate:
        parts = (("gateways", "", bound), ("tls", " route", reading.tls), ("tcp", " route", reading.tcp))
        for field, suffix, entries in parts:
            if entries:
                words = f"delegate virtual service must have no {field}{suffix} specified"
                yield Fault(words, reading.at(field))
    yield from http_matches.gateway_names(reading)
    if not bound or MESH in bound:
        yield from _claims(reading)
    yield from list(_hosts(reading)) or _covered(reading)
    if not (reading.http or reading.tcp or reading.tls):
        yield "http, tcp or tls must be provided in virtual service"
    for rule in reading.http:
        yield from about(rule.path, http_rules.conflicts(rule, delegate=reading.is_delegate))
    for connection_rule in reading.tls:
        yield from about(connection_rule.path, _tls_rule(connection_rule, reading))
    for connection_rule in reading.tcp:
        yield from about(connection_rule.path, _connections(connection_rule, "TCP"))
    yield from export_faults(reading, reading.export_to)


def _hosts(reading: VirtualService) -> Iterator[str]:
    mesh = not reading.gateways or MESH in reading.gateways
    names_tls = any(match.sni_hosts for rule in reading.tls for match in rule.matches)
    for index, host in enumerate(reading.hosts):
        words = forms.gateway_host(host) if names_tls and not mesh else forms.host(host)
        if host == "*" and mesh:
            words = "wildcard host * is not allowed for virtual services bound to the mesh gateway"
        if words:
            yield Fault(words, reading.entry("hosts", index))


def _covered(reading: VirtualService) -> Iterator[str]:
    for (_, host), (index, other) in combinations(enumerate(reading.hosts), 2):
        if covers(host, other) or covers(other, host):
            words = f"duplicate hosts in virtual service: {host} & {other}"
            yield Fault(words, reading.entry("hosts", index))


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


def _tls_rule(rule: ConnectionRule, reading: VirtualService) -> Iterator[str]:
    hosts, mesh = reading.hosts, MESH in reading.gateways
    if not rule.matches:
        yield "TLS route must have at least one match condition"
    for match in rule.matches:
        if not match.sni_hosts:
            yield Fault("TLS match must have at least one SNI host", match.at("sniHosts"))
        for index, sni in enumerate(match.sni_hosts):
            words = forms.host(sni) if mesh else forms.gateway_host(sni)
            if not words and not is_address(sni) and not any(within(sni, host) for host in hosts):
                words = (
                    f'SNI host "{sni}" is not a compatible subset of any of the virtual service hosts: '
                    f"[{', '.join(hosts)}]"
                )
            if words:
                yield Fault(words, match.entry("sniHosts", index))
    yield from _connections(rule, "TLS")


def _connections(rule: ConnectionRule, kind: str) -> Iterator[str]:
    if not rule.route:
        yield Fault(f"{kind} route is required", rule.at("route"))
    yield from about(rule.at("route"), weight_faults(rule.route))


RULES: Rules = {
    **http_rules.RULES,
    VirtualService: (_virtual_service,),
    ConnectionMatch: (each(forms.network, "destinationSubnets"),),
}
"""What the webhook asks of a VirtualService."""

DEFINITION: Rules = {
    FaultAbort: (exclusive("httpStatus", "grpcStatus", "http2Error"),),
    FaultDelay: (exclusive("fixedDelay", "exponentialDelay"),),
    HTTPRedirect: (exclusive("port", "derivePort"),),
}
"""What the definition of its kind does."""
