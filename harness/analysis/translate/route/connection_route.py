"""VirtualServices' `tls` and `tcp` rules, as TLSRoutes and TCPRoutes: connections, not requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.estate import ports_of, routable
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.gateway.gateway import parent_of
from harness.analysis.translate.route import routes
from harness.analysis.translate.route.condition import MESH, gateway_name
from harness.analysis.translate.route.virtual_service import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.draft import Draft
    from harness.analysis.translate.estate import Host
    from harness.analysis.translate.gateway.gateway import Served
    from harness.analysis.translate.reader import Reader
    from harness.base.resources import Resource

API = "gateway.networking.k8s.io/v1alpha2"
"""The version that Linkerd's policy controller reads [linkerd/linkerd2: policy-controller, k8s/api]."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Connections that a rule takes, by SNI (none: whatever is sent) and port, and where they go."""

    field: str
    names: tuple[str, ...]
    port: int | None
    gateways: tuple[str, ...]
    targets: tuple[Target, ...]

    @property
    def kind(self) -> str:
        """The kind of route that says it."""
        return "TLSRoute" if self.names else "TCPRoute"


def rules(draft: Draft, resource: Resource, reader: Reader) -> tuple[Rule, ...]:
    """Returns a VirtualService's rules for connections; reports conditions that no route can say."""
    found = []
    for part in (*reader.parts("tls"), *reader.parts("tcp")):
        targets = tuple(_targets(part))
        matches = part.parts("match")
        for match in matches:
            lost = [
                key
                for key in ("destinationSubnets", "sourceLabels", "sourceNamespace", "sourceSubnet")
                if match.value(key)
            ]
            for key in lost:
                draft.report(
                    Severity.LOST,
                    "match",
                    resource,
                    match.at(key),
                    "no route can say this condition; the match is left out",
                    "use a port or a name of its own",
                )
            gateways = tuple(gateway_name(name, resource.namespace) for name in match.texts("gateways"))
            names, port = match.texts("sniHosts"), match.integer("port")
            if not lost:
                found.append(Rule(part.path, names, port, gateways, targets))
        if not matches:
            found.append(Rule(part.path, (), None, (), targets))
    return tuple(found)


def _targets(part: Reader) -> Iterable[Target]:
    parts = part.parts("route")
    for one in parts:
        destination = one.required("destination").part("destination")
        yield Target(
            one.path,
            destination.required("host").text("host"),
            destination.text("subset"),
            destination.part("port").integer("number"),
            None if len(parts) == 1 else (one.integer("weight") or 0),
        )
        one.value("weight")


def on_services(
    draft: Draft, resource: Resource, hosts: Sequence[Host], found: Sequence[Rule], subsets: Subsets
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
    found: Sequence[Rule],
    subsets: Subsets,
    served: Mapping[str, Served],
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
    draft: Draft, resource: Resource, rule: Rule, namespace: str, parent: Fields, backends: routes.Backends
) -> None:
    spec: Fields = {"parentRefs": [parent]}
    if rule.names and "*" not in rule.names:
        spec["hostnames"] = list(rule.names)
    spec["rules"] = [{"backendRefs": [backends.backend(draft, resource, target) for target in rule.targets]}]
    draft.add(API, rule.kind, namespace, resource.name, spec, (resource,))
