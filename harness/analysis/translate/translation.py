"""The whole translation: Istio's objects in, routes, policies and findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate import coverage as kinds
from harness.analysis.translate import destination_rule, egress, injection
from harness.analysis.translate.draft import Draft, Patch, Translated
from harness.analysis.translate.estate import Estate
from harness.analysis.translate.finding import Finding, Severity
from harness.analysis.translate.gateway import gateway, gateway_route, ingress_gateway, reference_grant
from harness.analysis.translate.policy import inbound
from harness.analysis.translate.policy.authorization_policy import policies
from harness.analysis.translate.policy.peer_authentication import modes
from harness.analysis.translate.reader import Reader
from harness.analysis.translate.route import connection_route, delegate, mesh_route
from harness.analysis.translate.route.condition import MESH, gateway_name
from harness.analysis.translate.route.governing import Claim, speakers
from harness.analysis.translate.route.virtual_service import rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.gateway.gateway import Served
    from harness.analysis.translate.route.virtual_service import Rule
    from harness.base.resources import Resource

_NETWORKING = "networking.istio.io"


@dataclass(frozen=True)
class Translation:
    """What a translation made: new and changed objects, patches, and findings, the worst first."""

    translated: tuple[Translated, ...]
    findings: tuple[Finding, ...]
    patches: tuple[Patch, ...] = ()

    @property
    def objects(self) -> tuple[Resource, ...]:
        """The objects to apply in place of Istio's."""
        return tuple(one.resource for one in self.translated)


def translate(resources: Iterable[Resource]) -> Translation:
    """Returns what Istio's objects become for Linkerd, and what changes of the others.

    The more of the estate is among them (Services, workloads, Namespaces), the less has to be assumed.
    Objects that stay as they are aren't repeated. Raises InputError for objects that aren't whole.
    """
    estate = Estate(tuple(resources))
    kinds.check(estate.resources)
    draft = Draft(estate)
    draft.findings |= dict.fromkeys((*kinds.lost(estate.resources), *kinds.foreign(estate.resources)))
    injection.translate(draft)
    subsets = destination_rule.translate(draft)
    served = gateway.translate(draft)
    _virtual_services(draft, subsets, served)
    reference_grant.add(draft)
    inbound.add(draft, policies(draft), modes(draft))
    egress.translate(draft)
    ingress_gateway.mesh(draft)
    order = list(Severity)
    findings = sorted(draft.findings, key=lambda one: order.index(one.severity))
    return Translation(draft.objects, tuple(findings), tuple(draft.patches))


@dataclass(frozen=True)
class _Read:
    """A VirtualService, read."""

    resource: Resource
    reader: Reader
    bound: tuple[str, ...]
    hosts: tuple[str, ...]
    public: bool
    rules: tuple[Rule, ...]
    connections: tuple[connection_route.Rule, ...]

    def full_hosts(self, draft: Draft) -> tuple[str, ...]:
        """Its hosts, short names in full."""
        return tuple(
            host if host.startswith("*") else draft.estate.host(host, self.resource.namespace).name
            for host in self.hosts
        )


def _virtual_services(draft: Draft, subsets: Subsets, served: Mapping[str, Served]) -> None:
    read, delegates = [], delegate.named(draft)
    for resource in draft.estate.all(_NETWORKING, "VirtualService"):
        if Reader.of(resource).texts("hosts"):
            read.append(_read(draft, resource))
        else:
            delegate.leaf(draft, resource, delegates)
    claims = [Claim(one.resource, one.full_hosts(draft), one.public) for one in read if MESH in one.bound]
    heard = speakers(draft, claims)
    for one in read:
        if hosts := heard.get(one.resource):
            if one.rules:
                mesh_route.add(draft, one.resource, hosts, one.rules, subsets)
            connection_route.on_services(draft, one.resource, hosts, one.connections, subsets)
        gateways = [name for name in one.bound if name != MESH]
        if gateways:
            name = f"{one.resource.name}-gateway" if MESH in one.bound else one.resource.name
            if one.rules:
                gateway_route.add(draft, one.resource, gateways, one.hosts, one.rules, subsets, served, name)
            connection_route.on_gateways(draft, one.resource, gateways, one.connections, subsets, served)
        else:
            for rule in one.rules:
                if rule.rewrite:
                    rule.rewrite.leave()
        draft.finish(one.reader)


def _read(draft: Draft, resource: Resource) -> _Read:
    reader = Reader.of(resource)
    bound = tuple(gateway_name(name, resource.namespace) for name in reader.texts("gateways") or (MESH,))
    public = "*" in (reader.texts("exportTo") or ("*",))
    if not public:
        draft.report(
            Severity.CHANGED,
            "export",
            resource,
            "spec.exportTo",
            "a route on a Service acts on all of its clients, where this acts on some namespaces' alone",
            "check who calls these hosts",
        )
    found = rules(draft, resource, reader)
    connections = connection_route.rules(draft, resource, reader)
    return _Read(resource, reader, bound, reader.texts("hosts"), public, found, connections)
