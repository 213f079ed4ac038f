"""VirtualServices' `tls` and `tcp` rules, as TLSRoutes and TCPRoutes: connections, not requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.estate import ports_of, routable
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.gateway.gateway import parent_of
from harness.analysis.translate.route import routes
from harness.analysis.translate.route.virtual_service import RouteTarget
from harness.api.istio.destination import weighted
from harness.api.istio.hosts import MESH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.analysis.translate.gateway.gateway import TranslatedGateway
    from harness.api.istio.virtual_service import ConnectionMatch, ConnectionRule, VirtualService
    from harness.base.resources import Resource

API = "gateway.networking.k8s.io/v1alpha2"
"""The version that Linkerd's policy controller reads [linkerd/linkerd2: policy-controller, k8s/api]."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class TranslatedConnectionRule:
    """Connections that a rule takes, by SNI (none: whatever is sent) and port, and where they go."""

    field: str
    names: tuple[str, ...]
    port: int | None
    gateways: tuple[str, ...]
    targets: tuple[RouteTarget, ...]

    @property
    def kind(self) -> str:
        """The kind of route that says it."""
        return "TLSRoute" if self.names else "TCPRoute"


def rules(draft: Draft, virtual_service: VirtualService) -> tuple[TranslatedConnectionRule, ...]:
    """Returns a VirtualService's rules for connections; reports conditions that no route can say."""
    found = []
    for part in (*virtual_service.tls, *virtual_service.tcp):
        targets = tuple(_targets(part))
        for match in part.matches:
            lost = _unsayable(match)
            for key in lost:
                draft.report(
                    Severity.LOST,
                    "match",
                    match.resource,
                    match.at(key),
                    "no route can say this condition; the match is left out",
                    "use a port or a name of its own",
                )
            names, port, gateways = match.sni_hosts, match.port, match.bound
            if not lost:
                found.append(TranslatedConnectionRule(part.path, names, port, gateways, targets))
        if not part.matches:
            found.append(TranslatedConnectionRule(part.path, (), None, (), targets))
    return tuple(found)


def _unsayable(match: ConnectionMatch) -> list[str]:
    asked = (
        ("destinationSubnets", match.destination_subnets),
        ("sourceLabels", match.source_labels),
        ("sourceNamespace", match.source_namespace),
        ("sourceSubnet", match.source_subnet),
    )
    return [key for key, value in asked if value]


def _targets(part: ConnectionRule) -> Iterable[RouteTarget]:
    for one, weight in weighted(part.route):
        to = one.required("destination").destination.required("host")
        yield RouteTarget(one.path, to.host, to.subset, to.port_number, weight)


def on_services(
    draft: Draft,
    resource: Resource,
    hosts: Sequence[Host],
    found: Sequence[TranslatedConnectionRule],
    subsets: Subsets,
) -> None:
    """Adds routes on the Services' ports that aren't HTTP's, or that the rules name."""
    for rule in found:
        if rule.gateways and MESH not in rule.gateways:
            continue
        for host in hosts:
            namespace, service = host.key
            known = ports_of(host.service) if host.service else ()
            ports = [rule.port] if rule.port else [port.number for port in known if not routable(port)]
            if not ports:
                draft.report(
                    Severity.LOST,
                    "port",
                    resource,
                    rule.field,
                    f"no port of {namespace}/{service} is known to carry connections that aren't HTTP",
                    "name the port in the match, or in the Service (tcp-…, tls-…)",
                )
            for port in ports:
                parent = {"group": "", "kind": "Service", "name": service, "port": port}
                _add(draft, resource, rule, namespace, parent, routes.Backends(subsets, port, namespace))


def on_gateways(
    draft: Draft,
    resource: Resource,
    gateways: Sequence[str],
    found: Sequence[TranslatedConnectionRule],
    subsets: Subsets,
    served: Mapping[str, TranslatedGateway],
) -> None:
    """Adds routes at the gateways that the rules are for."""
    for rule in found:
        for gateway in gateways:
            if rule.gateways and gateway not in rule.gateways:
                continue
            parent = parent_of(draft, resource, gateway, served, rule.port)
            backends = routes.Backends(subsets, rule.port, resource.namespace)
            _add(draft, resource, rule, resource.namespace, parent, backends)


def _add(
    draft: Draft,
    resource: Resource,
    rule: TranslatedConnectionRule,
    namespace: str,
    parent: Fields,
    backends: routes.Backends,
) -> None:
    spec: Fields = {"parentRefs": [parent]}
    if rule.names and "*" not in rule.names:
        spec["hostnames"] = list(rule.names)
    spec["rules"] = [{"backendRefs": [backends.backend(draft, resource, target) for target in rule.targets]}]
    draft.add(API, rule.kind, namespace, resource.name, spec, (resource,))
