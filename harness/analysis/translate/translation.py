"""The whole translation: Istio's objects in, routes, policies and findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate import coverage as kinds
from harness.analysis.translate import destination_rule, egress, injection
from harness.analysis.translate.draft import Draft, Translated
from harness.analysis.translate.estate import Estate
from harness.analysis.translate.finding import Finding, Severity
from harness.analysis.translate.gateway import gateway, gateway_route, ingress_gateway, reference_grant
from harness.analysis.translate.policy import inbound
from harness.analysis.translate.policy.authorization_policy import policies
from harness.analysis.translate.policy.peer_authentication import modes
from harness.analysis.translate.route import connection_route, delegate, mesh_route
from harness.analysis.translate.route.governing import Claim, speakers
from harness.analysis.translate.route.virtual_service import rules
from harness.api.istio.hosts import MESH
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.definition import DEFINITION
from harness.api.served import NOTHING, Served
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.analysis.translate.destination_rule import Subsets
    from harness.analysis.translate.gateway.gateway import TranslatedGateway
    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource
    from harness.manifests.patching import Patch


@dataclass(frozen=True)
class Translation:
    """What a translation made: new and changed objects, and findings, the worst first.

    Patches are for objects that aren't in the manifests, or that a cluster completes.
    """

    translated: tuple[Translated, ...]
    findings: tuple[Finding, ...]
    patches: tuple[Patch, ...] = ()
    served: Served = NOTHING
    """The kinds that a cluster with Linkerd serves, by the estate's definitions or a release's."""

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
    kinds_there = _served(draft)
    order = list(Severity)
    findings = sorted(draft.findings, key=lambda one: order.index(one.severity))
    return Translation(draft.objects, tuple(findings), tuple(draft.patches), kinds_there)


def _served(draft: Draft) -> Served:
    """The kinds that are served; reports what was made of others."""
    served = NOTHING.with_mesh(Mesh.LINKERD)
    for definition in draft.estate.all(*DEFINITION):
        served = served.defining(definition)
    for made in draft.objects:
        served = served.needing(made.resource)
    for made in draft.objects:
        resource = made.resource
        if not served.includes(resource):
            why = f"by its definitions the cluster doesn't serve {resource.api_version} {resource.kind}"
            todo = "install definitions that do: for what isn't v1 the Gateway API's experimental channel"
            draft.report(Severity.LOST, "unserved", made.origins[0], "", f"{why}, which it becomes", todo)
    return served


@dataclass(frozen=True)
class _Read:
    """A VirtualService with what routes can say of it; `delegated` are rules of other objects in it."""

    reading: VirtualService
    delegated: tuple[HTTPRule, ...]
    rules: tuple[TranslatedRule, ...]
    connections: tuple[connection_route.TranslatedConnectionRule, ...]

    @property
    def resource(self) -> Resource:
        """The object."""
        return self.reading.resource


def _virtual_services(draft: Draft, subsets: Subsets, served: Mapping[str, TranslatedGateway]) -> None:
    every = [VirtualService.of(one) for one in draft.estate.all(*VirtualService.KIND)]
    delegates = delegate.named(every)
    read = []
    for reading in every:
        if reading.is_delegate:
            delegate.leaf(draft, reading, delegates)
        else:
            read.append(_read(draft, reading))
    claims = [
        Claim(one.resource, one.reading.full_hosts, _is_public(one.reading))
        for one in read
        if MESH in one.reading.bound
    ]
    heard = speakers(draft, claims)
    for one in read:
        if hosts := heard.get(one.resource):
            if one.rules:
                mesh_route.add(draft, one.resource, hosts, one.rules, subsets)
            connection_route.on_services(draft, one.resource, hosts, one.connections, subsets)
        bound, named = one.reading.bound, one.reading.hosts
        gateways = [name for name in bound if name != MESH]
        if gateways:
            name = f"{one.resource.name}-gateway" if MESH in bound else one.resource.name
            if one.rules:
                gateway_route.add(draft, one.resource, gateways, named, one.rules, subsets, served, name)
            connection_route.on_gateways(draft, one.resource, gateways, one.connections, subsets, served)
        else:
            for rule in one.rules:
                if rule.rewrite:
                    rule.rewrite.leave()
        for part in (one.reading, *one.delegated):
            draft.finish(part)


def _read(draft: Draft, reading: VirtualService) -> _Read:
    if not _is_public(reading):
        draft.report(
            Severity.CHANGED,
            "export",
            reading.resource,
            "spec.exportTo",
            "a route on a Service acts on all of its clients, where this acts on some namespaces' alone",
            "check who calls these hosts",
        )
    parts = tuple(delegate.expanded(draft, reading))
    delegated = tuple(part for part in parts if part.resource is not reading.resource)
    return _Read(reading, delegated, rules(draft, parts), connection_route.rules(draft, reading))


def _is_public(reading: VirtualService) -> bool:
    """Whether clients of all namespaces see it."""
    return "*" in (reading.export_to or ("*",))
