"""Istio's ingress gateway under Linkerd: its container renamed, since istio-proxy keeps Linkerd out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    selected: dict[tuple[str, str], tuple[Resource | None, Resource]] = {}
    for gateway in draft.estate.all(*IstioGateway.KIND):
        selector = IstioGateway.of(gateway).selector
        deployed = [
            workload.resource
            for workload in draft.estate.workloads
            if selector and selects(selector, workload.labels)
        ]
        for workload in deployed:
            selected.setdefault((workload.namespace, workload.name), (workload, gateway))
        if not deployed and selector == INGRESS:
            selected.setdefault((ROOT_NAMESPACE, "istio-ingressgateway"), (None, gateway))
    for name, (resource, origin) in selected.items():
        index, annotated = _container(draft, resource, origin)
        if index is not None:
            container = f"/spec/template/spec/containers/{index}/name"
            operations: list[dict[str, Any]] = [
                {"op": "test", "path": container, "value": "istio-proxy"},
                {"op": "replace", "path": container, "value": "istio-gateway"},
                *([] if annotated else [{"op": "add", "path": _ANNOTATION, "value": {}}]),
                {"op": "add", "path": f"{_ANNOTATION}/linkerd.io~1inject", "value": "enabled"},
            ]
            draft.patches.append(Patch(ObjectName("Deployment", *name), operations=tuple(operations)))


def _container(draft: Draft, resource: Resource | None, origin: Resource) -> tuple[int | None, bool]:
    """The place of the container to rename (None: it can't be), and whether the pods have annotations."""
    if resource is None:
        draft.report("ingress-gateway", origin, "spec.selector")
        return 0, True
    template = PodController.of(resource).template
    annotated = bool(template.metadata.annotations)
    for index, container in enumerate(template.spec.containers):
        if container.name == "istio-proxy":
            if container.image != "auto":
                return index, annotated
            draft.report("ingress-gateway.injected", container, "name")
    return None, annotated
