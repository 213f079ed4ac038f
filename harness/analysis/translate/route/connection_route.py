"""VirtualServices' `tls` and `tcp` rules, as TLSRoutes and TCPRoutes: connections, not requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import routable
from harness.analysis.translate.gateway.gateway import parent_of
from harness.analysis.translate.route.routes import Backends
from harness.analysis.translate.route.virtual_service import RouteTarget, report_weights
from harness.api.gateway_api import GROUP
from harness.api.istio.destination import weighted
from harness.api.istio.hosts import MESH
from harness.api.schema.releases import version_read
from harness.base.vocabulary import Mesh
from harness.model.network.services import service_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.translate.draft import Draft, Fields
    from harness.analysis.translate.estate import Host
    from harness.api.istio.virtual_service import ConnectionMatch, ConnectionRule, VirtualService
    from harness.base.resources import Resource


@dataclass(frozen=True)
class TranslatedConnectionRule:
    """Connections that a rule takes, by SNI (none: whatever is sent) and port, and where they go."""

    rule: ConnectionRule
    targets: tuple[RouteTarget, ...]
    names: tuple[str, ...] = ()
    port: int | None = None
    gateways: tuple[str, ...] = ()

    def at(self, gateway: str) -> bool:
        """Returns whether it counts at a gateway, or for the sidecars."""
        return not self.gateways or gateway in self.gateways


def rules(draft: Draft, virtual_service: VirtualService) -> tuple[TranslatedConnectionRule, ...]:
    """Returns a VirtualService's rules for connections; reports conditions that no route can say."""
    translated = []
    for part in (*virtual_service.tls, *virtual_service.tcp):
        targets = tuple(RouteTarget.of(to, weight) for to, weight in weighted(part.route))
        report_weights(draft, part, targets)
        for match in part.matches:
            lost = _unsayable(match)
            for key in lost:
                draft.report("match.connection", match, key)
            read = TranslatedConnectionRule(part, targets, match.sni_hosts, match.port, match.bound)
            translated += [] if lost else [read]
        if not part.matches:
            translated.append(TranslatedConnectionRule(part, targets))
    return tuple(translated)


def _unsayable(match: ConnectionMatch) -> list[str]:
    conditions = {
        "destinationSubnets": match.destination_subnets,
        "sourceLabels": match.source_labels,
        "sourceNamespace": match.source_namespace,
        "sourceSubnet": match.source_subnet,
    }
    return [key for key, value in conditions.items() if value]


def on_services(
    draft: Draft, resource: Resource, hosts: Sequence[Host], rules: Sequence[TranslatedConnectionRule]
) -> None:
    """Adds routes on the Services' ports that aren't HTTP's, or that the rules name."""
    for rule in (rule for rule in rules if rule.at(MESH)):
        for host in hosts:
            namespace, service = host.key
            declared = service_ports(host.service) if host.service else ()
            ports = [rule.port] if rule.port else [port.number for port in declared if not routable(port)]
            if not ports:
                draft.report("port.connections", rule.rule, service=f"{namespace}/{service}")
            for port in ports:
                parent = {"group": "", "kind": "Service", "name": service, "port": port}
                _add(draft, resource, rule, parent, Backends(draft, port, namespace), Mesh.LINKERD)


def on_gateways(
    draft: Draft, resource: Resource, gateways: Sequence[str], rules: Sequence[TranslatedConnectionRule]
) -> None:
    """Adds routes at the gateways that the rules are for."""
    for rule in rules:
        for gateway in filter(rule.at, gateways):
            parent = parent_of(draft, resource, gateway, rule.port)
            _add(draft, resource, rule, parent, Backends(draft, rule.port, resource.namespace), Mesh.ISTIO)


def _add(
    draft: Draft,
    resource: Resource,
    rule: TranslatedConnectionRule,
    parent: Fields,
    backends: Backends,
    reader: Mesh,
) -> None:
    spec: Fields = {"parentRefs": [parent]}
    if rule.names and "*" not in rule.names:
        spec["hostnames"] = list(rule.names)
    elif rule.names and version_read(reader, "TLSRoute") != "v1alpha2":
        draft.report("match.any-sni", rule.rule)
        return
    spec["rules"] = [{"backendRefs": [backends.backend(target) for target in rule.targets]}]
    kind = "TLSRoute" if rule.names else "TCPRoute"
    if unread := draft.served.unread(reader, kind):
        draft.report("unserved.refused", rule.rule, kind=kind, why=unread)
        return
    api = f"{GROUP}/{version_read(reader, kind)}"
    draft.add(api, kind, backends.namespace, resource.name, spec, (resource,))
