"""Istio's ingress gateway under Linkerd: its container renamed, since istio-proxy keeps Linkerd out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.gateway.gateway import INGRESS
from harness.api.istio.gateway import IstioGateway
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.workload import PodController
from harness.base.resources import ObjectName
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.manifests.patching import Patch

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

_ANNOTATION = "/spec/template/metadata/annotations"


def mesh(draft: Draft) -> None:
    """Adds a patch for each ingress gateway that Gateways select; reports those that can't be patched."""
    gateways = draft.estate.all(*IstioGateway.KIND)
    found: dict[tuple[str, str], tuple[Resource | None, list[Resource]]] = {}
    for gateway in gateways:
        selector = IstioGateway.of(gateway).selector
        deployed = [
            one.resource
            for workloads in draft.estate.deployed.values()
            for one in workloads
            if selector and selects(selector, one.labels)
        ]
        for one in deployed:
            found.setdefault((one.namespace, one.name), (one, []))[1].append(gateway)
        if not deployed and selector == INGRESS:
            found.setdefault((ROOT_NAMESPACE, "istio-ingressgateway"), (None, []))[1].append(gateway)
    for (namespace, name), (resource, origins) in found.items():
        index, annotated = _container(draft, resource, origins[0])
        if index is not None:
            operations = _operations(index, annotated=annotated)
            target = ObjectName("Deployment", namespace, name)
            draft.patches.append(Patch(target, operations=operations))


def _container(draft: Draft, resource: Resource | None, origin: Resource) -> tuple[int | None, bool]:
    """The place of the container to rename (None: it can't be), and whether the pods have annotations."""
    if resource is None:
        draft.report(
            Severity.CHECK,
            "ingress-gateway",
            origin,
            "spec.selector",
            "its Deployment isn't among the manifests: the first container is taken for istio-proxy",
            "give its manifest, too; the patch fails if the container is another",
        )
        return 0, True
    template = PodController.of(resource).template
    annotated = bool(template.metadata.annotations)
    for index, container in enumerate(template.spec.containers):
        if container.name == "istio-proxy":
            if container.image != "auto":
                return index, annotated
            draft.report(
                Severity.LOST,
                "ingress-gateway",
                resource,
                container.at("name"),
                "the container is completed by Istio's injector, which goes by its name: it can't be renamed",
                "write the gateway's container out, without injection",
            )
    return None, annotated


def _operations(index: int, *, annotated: bool) -> tuple[dict[str, Any], ...]:
    name = f"/spec/template/spec/containers/{index}/name"
    annotate: tuple[dict[str, Any], ...] = (
        {"op": "add", "path": f"{_ANNOTATION}/linkerd.io~1inject", "value": "enabled"},
    )
    if not annotated:
        annotate = ({"op": "add", "path": _ANNOTATION, "value": {}}, *annotate)
    return (
        {"op": "test", "path": name, "value": "istio-proxy"},
        {"op": "replace", "path": name, "value": "istio-gateway"},
        *annotate,
    )
