"""The whole translation: Istio's objects in, routes, policies and findings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.translate import coverage, destination_rule, egress, injection, network_policy
from harness.analysis.translate.draft import Draft, Translated
from harness.analysis.translate.estate import Estate
from harness.analysis.translate.finding import Finding, Severity
from harness.analysis.translate.gateway import gateway, gateway_route
from harness.analysis.translate.gateway.gateway_route import MIRRORS
from harness.analysis.translate.policy import inbound
from harness.analysis.translate.policy.authorization_policy import policies
from harness.analysis.translate.policy.peer_authentication import modes
from harness.analysis.translate.route import connection_route, delegate, mesh_route
from harness.analysis.translate.route.governing import is_public, speakers
from harness.analysis.translate.route.virtual_service import rules
from harness.analysis.translate.staying import kept
from harness.api.istio.hosts import MESH
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.definition import DEFINITION
from harness.api.served import NOTHING, Served
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.route.virtual_service import TranslatedRule
    from harness.api.istio.http_rule import HTTPRule
    from harness.base.resources import Resource
    from harness.manifests.patching import Patch


_REPLACED = frozenset(group for group, table in coverage.groups().items() if table["translated"])
"""Istio's groups whose objects a translation takes the place of; others install Istio, or only watch."""


@dataclass(frozen=True)
class Translation:
    """What a translation made: new and changed objects, and findings, the worst first.

    Patches are for objects that aren't in the manifests, or that a cluster completes.
    """

    translated: tuple[Translated, ...]
    findings: tuple[Finding, ...]
    patches: tuple[Patch, ...] = ()
    served: Served = NOTHING
    """The kinds that a cluster with the target mesh serves, by the estate's definitions or a release's."""
    kept: tuple[Resource, ...] = ()
    """Istio's objects that stay as they are, for its gateways."""
    assumed: tuple[str, ...] = ()
    """The namespaces that are taken to be in the source mesh, though no manifest says so."""
    source: Mesh = Mesh.ISTIO
    target: Mesh = Mesh.LINKERD
    replaced: frozenset[str] = _REPLACED
    """The source mesh's groups whose objects go."""

    @property
    def objects(self) -> tuple[Resource, ...]:
        """The objects to apply in place of the source mesh's."""
        return tuple(made.resource for made in self.translated)

    @property
    def origins(self) -> tuple[Resource, ...]:
        """The source mesh's objects that others were made of."""
        origins = dict.fromkeys(origin for made in self.translated for origin in made.origins)
        return tuple(origin for origin in origins if origin.group in self.replaced)

    def applied(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        """Returns what an estate holds with these objects applied, and those deleted that they replace.

        What the cluster doesn't serve can't be applied. Patches aren't among it.
        """
        made = {resource.key: resource for resource in self.objects if self._takes(resource)}
        stay = {resource.key for resource in self.kept}
        kept = [
            resource
            for resource in resources
            if resource.key not in made and (resource.key in stay or resource.group not in self.replaced)
        ]
        return (*kept, *made.values())

    def _takes(self, resource: Resource) -> bool:
        """Whether the cluster has an object's kind, and all that it says."""
        return self.served.includes(resource) and not self.served.lacking(resource)


def translate(resources: Iterable[Resource]) -> Translation:
    """Returns what Istio's objects become for Linkerd, and what changes of the others.

    The more of the estate is among them (Services, workloads, Namespaces), the less has to be assumed.
    Objects that stay as they are aren't repeated. Of several with one name the last counts, as with kubectl.
    Raises InputError for objects that aren't whole.
    """
    estate = Estate(tuple({resource.key: resource for resource in resources}.values()))
    coverage.check(estate.resources)
    draft = Draft(estate, served_for(estate, Mesh.LINKERD))
    draft.findings |= dict.fromkeys(coverage.untranslated(estate))
    injection.translate(draft)
    network_policy.check(draft)
    destination_rule.translate(draft)
    gateway.translate(draft)
    _virtual_services(draft)
    gateway_route.grant(draft)
    inbound.add(draft, policies(draft), modes(draft))
    egress.translate(draft)
    gateway.mesh(draft)
    _report_unserved(draft)
    order = list(Severity)
    findings = sorted(draft.findings, key=lambda finding: order.index(finding.severity))
    return Translation(
        draft.objects, tuple(findings), tuple(draft.patches), draft.served, kept(estate), tuple(draft.assumed)
    )


def served_for(estate: Estate, mesh: Mesh) -> Served:
    """Returns the kinds that a cluster with a mesh serves: by definitions, or as far as the estate tells."""
    served = NOTHING.with_mesh(mesh)
    for definition in estate.all(*DEFINITION):
        served = served.defining(definition)
    for resource in estate.resources:
        served = served.needing(resource)
    return served


def _report_unserved(draft: Draft) -> None:
    for made in draft.objects:
        if not draft.served.includes(made.resource):
            kind = f"{made.resource.api_version} {made.resource.kind}"
            draft.report("unserved.refused", made.origins[0], kind=kind, why="the cluster doesn't serve it")
        elif lack := draft.served.lacking(made.resource):
            draft.report("unserved.field", made.origins[0], kind=made.resource.kind, place=lack.field)


@dataclass(frozen=True)
class _Read:
    """A VirtualService with what routes can say of it; `parts` are its rules and those of its delegates."""

    reading: VirtualService
    parts: tuple[HTTPRule, ...]
    rules: tuple[TranslatedRule, ...]
    connections: tuple[connection_route.TranslatedConnectionRule, ...]


def _virtual_services(draft: Draft) -> None:
    every = [VirtualService.of(resource) for resource in draft.estate.all(*VirtualService.KIND)]
    delegates = delegate.named(every)
    read = []
    for reading in every:
        if reading.is_delegate:
            delegate.leaf(draft, reading, delegates)
            continue
        if not is_public(reading):
            draft.report("export.private", reading, "exportTo")
        parts = tuple(delegate.expanded(draft, reading))
        said = rules(draft, parts, in_mesh=MESH in reading.bound)
        read.append(_Read(reading, parts, said, connection_route.rules(draft, reading)))
    heard = speakers(draft, (translated.reading for translated in read if MESH in translated.reading.bound))
    for translated in read:
        resource, bound = translated.reading.resource, translated.reading.bound
        if hosts := heard.get(resource):
            if translated.rules:
                mesh_route.add(draft, resource, hosts, translated.rules)
            connection_route.on_services(draft, resource, hosts, translated.connections)
        named = translated.reading.hosts
        if gateways := [name for name in bound if name != MESH]:
            name = f"{resource.name}-gateway" if MESH in bound else resource.name
            if translated.rules:
                gateway_route.add(draft, resource, gateways, named, translated.rules, name)
            connection_route.on_gateways(draft, resource, gateways, translated.connections)
        else:
            for rule in translated.rules:
                rule.rule.leave("rewrite", *MIRRORS)
        at_gateway = MESH not in bound
        draft.finish(translated.reading, at_gateway=at_gateway)
        for part in translated.parts:
            if part.resource is not resource:
                draft.finish(part, at_gateway=at_gateway)
