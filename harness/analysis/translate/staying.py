"""What stays Istio's: its gateways, and the policies and settings that reach their pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import class_of
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.proxy_settings import ProxySettings
from harness.api.kubernetes.selector import selects
from harness.base.vocabulary import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.analysis.translate.estate import Estate
    from harness.base.resources import Resource

INGRESS = {"istio": "ingressgateway"}
"""The label by which Gateways select the pods of the default installation's ingress gateway."""
CLASS = "istio"
KINDS = frozenset(
    "AuthorizationPolicy RequestAuthentication EnvoyFilter WasmPlugin TrafficExtension Telemetry "
    "ProxyConfig".split()
)
"""The kinds that a gateway goes on obeying."""
_INSTALLED = {**INGRESS, "app": "istio-ingressgateway"}


@dataclass(frozen=True)
class Reach:
    """Whose proxies an object of Istio's is for: gateways', which stay, and other pods'."""

    gateways: bool
    others: bool


def reach(estate: Estate, resource: Resource) -> Reach:
    """Returns whose proxies an object is for, as far as that is known; of an unknown pod: another's."""
    if resource.kind not in KINDS:
        return Reach(gateways=False, others=True)
    spec = ProxySettings.of(resource)
    if spec.targets:
        reached = [
            _is_gateway(estate, resource.namespace, target.name)
            for target in spec.targets
            if (target.group, target.kind) == (GROUP, "Gateway")
        ]
        return Reach(gateways=any(reached), others=not reached or not all(reached))
    labels, contexts = spec.labels, spec.contexts
    root = resource.namespace == ROOT_NAMESPACE
    spaces = estate.deployed if root else (resource.namespace,)
    deployed = [
        workload
        for space in spaces
        for workload in estate.deployed.get(space, ())
        if selects(labels, workload.labels)
    ]
    gateways = [workload for workload in deployed if workload.is_gateway]
    at_gateway = bool(gateways) or _reaches_installed(estate, labels, root=root)
    others = len(gateways) < len(deployed) or not at_gateway or (not labels and (root or not gateways))
    return Reach(
        gateways=at_gateway and not contexts.isdisjoint(("ANY", "GATEWAY")),
        others=others and contexts != {"GATEWAY"},
    )


def kept(estate: Estate) -> tuple[Resource, ...]:
    """Returns the objects of Istio's that stay as they are, for its gateways."""
    return tuple(
        resource
        for resource in estate.resources
        if resource.group.endswith("istio.io") and reach(estate, resource).gateways
    )


def _is_gateway(estate: Estate, namespace: str, name: str) -> bool:
    """Whether a Gateway of the Gateway API is Istio's own; one of another class, a waypoint, isn't."""
    return any(
        (gateway.namespace, gateway.name) == (namespace, name) and class_of(gateway) == CLASS
        for gateway in estate.all(GROUP, "Gateway")
    )


def _reaches_installed(estate: Estate, labels: Mapping[str, str], *, root: bool) -> bool:
    """Whether pods of the installed ingress gateway are reached, which aren't among the manifests."""
    if estate.has_gateway(ROOT_NAMESPACE, INGRESS):
        return False
    if "ingressgateway" in labels.values():
        return True
    served = any(IstioGateway.of(gateway).selector == INGRESS for gateway in estate.all(*IstioGateway.KIND))
    return served and root and selects(labels, _INSTALLED)
