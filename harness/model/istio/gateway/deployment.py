"""Gateways of the Gateway API: which of them Istio implements, their Services, what it deploys for one.

Rules and names are those of Istio's gateway controller and its template [istio/istio:
pilot/pkg/config/kube/gatewaycommon, files/kube-gateway.yaml].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import GatewayClass, KubernetesGateway
from harness.api.istio.gateway import MANAGED
from harness.api.kubernetes.metadata import Metadata, annotations_of, labels_of
from harness.api.marks import GATEWAY_NAME
from harness.base.errors import not_modelled
from harness.base.resources import Resource
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh
from harness.model.istio import revision
from harness.model.istio.gateway import listener_set
from harness.traffic.status import CONTROLLERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.gateway import Listener
    from harness.model.state import Objects

BUILTIN_CLASS = "istio"

_CLASS_LABEL = "gateway.networking.k8s.io/gateway-class-name"
_STATUS_PORT = {"name": "status-port", "port": 15021, "appProtocol": "tcp"}


def implemented(objects: Objects, gateway: Resource) -> bool:
    """Returns whether Istio is there and implements a Gateway's class; its own needs no GatewayClass."""
    if Mesh.ISTIO not in objects.meshes:
        return False
    name = KubernetesGateway.kept(gateway).class_name
    own = objects.get(GROUP, "GatewayClass", "", name)
    if own and revision.is_foreign(objects, own):
        own = None
    return GatewayClass.kept(own).controller == CONTROLLERS[Mesh.ISTIO] if own else name == BUILTIN_CLASS


def services(gateway: Resource) -> tuple[str, ...]:
    """Returns the full names of the Services whose pods serve a Gateway: its own, or its addresses."""
    read = KubernetesGateway.kept(gateway)
    if read.is_deployed:
        return (f"{_name(gateway)}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}",)
    named = (address.value for address in read.addresses if address.type == "Hostname")
    return tuple(
        name if "." in name else f"{name}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}" for name in named
    )


def faulty_parameters(objects: Objects, gateway: Resource) -> bool:
    """Returns whether a Gateway asks for parameters that aren't there, or aren't a ConfigMap."""
    parameters = KubernetesGateway.kept(gateway).infrastructure.parameters
    if parameters is None:
        return False
    there = objects.get("", "ConfigMap", gateway.namespace, parameters.name)
    return (parameters.group, parameters.kind) != ("", "ConfigMap") or there is None


def deployed(objects: Objects, gateway: Resource) -> tuple[Resource, ...]:
    """Returns what Istio makes for a Gateway that no other pods serve; what a dump brings stays as it is."""
    read = KubernetesGateway.kept(gateway)
    if not (read.is_deployed and implemented(objects, gateway) and revision.deploys(objects, gateway)):
        return ()
    if parameters := read.infrastructure.parameters:
        if faulty_parameters(objects, gateway):
            return ()
        why = f"ConfigMap {parameters.name} changes what is deployed for the Gateway"
        raise not_modelled(gateway, "spec.infrastructure.parametersRef", why)
    own = {GATEWAY_NAME: gateway.name, _CLASS_LABEL: read.class_name}
    wanted = (_deployment(gateway, own), _service(objects, gateway, own))
    pairs = ((made, objects.get(*made.key)) for made in wanted)
    return tuple(made for made, old in pairs if old is None or (_made(old) and old.data != made.data))


def _made(resource: Resource) -> bool:
    """Whether an object was made here: a real cluster's knows its owner's uid."""
    return any(not owner.uid for owner in Metadata.of(resource).owners)


def _name(gateway: Resource) -> str:
    default = f"{gateway.name}-{KubernetesGateway.kept(gateway).class_name}"
    return annotations_of(gateway).get("gateway.istio.io/name-override", default)


def _deployment(gateway: Resource, own: dict[str, str]) -> Resource:
    name = _name(gateway)
    infrastructure = KubernetesGateway.kept(gateway).infrastructure
    # What isn't said for the infrastructure goes on from the Gateway itself.
    labels = infrastructure.written_labels if infrastructure.has("labels") else labels_of(gateway)
    of_gateway = not infrastructure.has("annotations")
    annotations = annotations_of(gateway) if of_gateway else infrastructure.written_annotations
    template = {
        "metadata": {
            "labels": {"sidecar.istio.io/inject": "false", **labels, **own, MANAGED[0]: MANAGED[1]},
            "annotations": annotations,
        },
        "spec": {
            "serviceAccountName": annotations_of(gateway).get("gateway.istio.io/service-account", name),
            "containers": [{"name": "istio-proxy", "image": "istio/proxyv2"}],
        },
    }
    selector = {"matchLabels": {GATEWAY_NAME: gateway.name}}
    return _object(gateway, "apps/v1", "Deployment", own, {"selector": selector, "template": template})


def _service(objects: Objects, gateway: Resource, own: dict[str, str]) -> Resource:
    ports = _ports(listener_set.merged(objects, gateway))
    spec = {"selector": {GATEWAY_NAME: gateway.name}, "ports": ports}
    return _object(gateway, "v1", "Service", own, spec)


def _ports(listeners: Iterable[Listener]) -> list[dict[str, Any]]:
    """One port for each that a listener asks for, named by the first of them."""
    first: dict[int, Listener] = {}
    for listener in listeners:
        first.setdefault(listener.port, listener)
    return [_STATUS_PORT] + [
        {"name": listener.name.replace(".", "-"), "port": number, "appProtocol": listener.protocol.lower()}
        for number, listener in first.items()
    ]


def _object(
    gateway: Resource, api_version: str, kind: str, labels: dict[str, str], spec: dict[str, Any]
) -> Resource:
    name = _name(gateway)
    owner = {"apiVersion": gateway.api_version, "kind": gateway.kind, "name": gateway.name}
    metadata = {"name": name, "namespace": gateway.namespace, "labels": labels, "ownerReferences": [owner]}
    data: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
    return Resource(api_version, kind, gateway.namespace, name, data, gateway.where, gateway.created)
