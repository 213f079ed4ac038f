"""The whole translation from Linkerd: its objects in, labels, routes, policies and findings for Istio out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.texts import beside
from harness.analysis.translate.draft import Draft
from harness.analysis.translate.estate import Estate
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.to_istio import marks, policies, routes
from harness.analysis.translate.translation import Translation, served_for
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource


def translate(resources: Iterable[Resource]) -> Translation:
    """Returns what Linkerd's objects become for Istio, and what changes of the others.

    Of several objects with one name the last counts, as with kubectl. A kind that isn't translated is a
    finding. Raises InputError for objects that aren't whole, NotModelledError for settings of Linkerd's
    that nobody here knows.
    """
    estate = Estate(tuple({resource.key: resource for resource in resources}.values()))
    draft = Draft(estate, served_for(estate, Mesh.ISTIO))
    replaced = {each.group for each in estate.resources if each.group.endswith("linkerd.io")}
    groups = beside(__file__, "linkerd.yaml")["groups"]
    for resource in estate.resources:
        if resource.group in replaced and resource.kind not in groups.get(resource.group, ()):
            draft.report("to-istio.kind", resource, kind=f"{resource.kind} of {resource.group}")
    marks.translate(draft)
    routes.translate(draft)
    policies.translate(draft)
    order = list(Severity)
    findings = sorted(draft.findings, key=lambda finding: order.index(finding.severity))
    return Translation(
        draft.objects,
        tuple(findings),
        served=draft.served,
        assumed=tuple(draft.assumed),
        source=Mesh.LINKERD,
        target=Mesh.ISTIO,
        replaced=frozenset(replaced),
    )
