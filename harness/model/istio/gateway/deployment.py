"""Gateways of the Gateway API: what Istio deploys for one, its Service, its listeners, who may refer.

Rules and names are those of Istio's gateway controller and its template [istio/istio:
pilot/pkg/config/kube/gatewaycommon, files/kube-gateway.yaml, pilot/pkg/config/kube/gateway/conversion.go].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api import gateway_api
from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import GatewayClass, KubernetesGateway, Listener
from harness.api.gateway_api.reference import ReferenceGrant
from harness.api.istio.gateway import MANAGED
from harness.api.kubernetes.metadata import Metadata, annotations_of, labels_of
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.resources import Resource, per_object
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh
from harness.model.istio import revision
from harness.model.network.dns import resolve
from harness.model.network.services import service_ports
from harness.model.state import Pod, State, namespace_labels
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from harness.model.state import Objects

_CONTROLLER = "istio.io/gateway-controller"
BUILTIN_CLASS = "istio"

_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
_CLASS_LABEL = "gateway.networking.k8s.io/gateway-class-name"
_STATUS_PORT = {"name": "status-port", "port": 15021, "appProtocol": "tcp"}

_KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
    "TCP": ("TCPRoute",),
}


def implemented(objects: Objects, gateway: Resource) -> bool:
    """Returns whether Istio is there and implements a Gateway's class; its own needs no GatewayClass."""
    if Mesh.ISTIO not in objects.meshes:
        return False
    name = KubernetesGateway.kept(gateway).class_name
    own = objects.get(gateway_api.GROUP, "GatewayClass", "", name)
    if own and revision.is_foreign(objects, own):
        own = None
    return GatewayClass.kept(own).controller == _CONTROLLER if own else name == BUILTIN_CLASS


def services(gateway: Resource) -> tuple[str, ...]:
    """Returns the full names of the Services whose pods serve a Gateway: its own, or its addresses."""
    read = KubernetesGateway.kept(gateway)
    if read.is_deployed:
        return (f"{_name(gateway)}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}",)
    named = (address.value for address in read.addresses if address.type == "Hostname")
    return tuple(
        name if "." in name else f"{name}.{gateway.namespace}.svc.{CLUSTER_DOMAIN}" for name in named
    )


def deployed(objects: Objects, gateway: Resource) -> tuple[Resource, ...]:
    """Returns what Istio makes for a Gateway that no other pods serve; what a dump brings stays as it is."""
    read = KubernetesGateway.kept(gateway)
    if not (read.is_deployed and implemented(objects, gateway) and revision.deploys(objects, gateway)):
        return ()
    own = {_NAME_LABEL: gateway.name, _CLASS_LABEL: read.class_name}
    wanted = (_deployment(gateway, own), _service(gateway, own))
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
    selector = {"matchLabels": {_NAME_LABEL: gateway.name}}
    return _object(gateway, "apps/v1", "Deployment", own, {"selector": selector, "template": template})


def _service(gateway: Resource, own: dict[str, str]) -> Resource:
    spec = {"selector": {_NAME_LABEL: gateway.name}, "ports": _ports(gateway)}
    return _object(gateway, "v1", "Service", own, spec)


def _ports(gateway: Resource) -> list[dict[str, Any]]:
    """One port for each that a listener asks for, named by the first of them."""
    first: dict[int, Listener] = {}
    for listener in KubernetesGateway.kept(gateway).listeners:
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


def tls_mode(listener: Listener) -> str:
    """Returns Istio's mode of TLS for a listener, empty without TLS."""
    return "" if listener.tls is None else listener.tls.istio_mode


def uncertified(state: State, listener: Listener) -> str:
    """Returns why a listener can't end TLS: none of its certificates is there, or may be referred to."""
    tls, gateway = listener.tls, listener.resource
    if tls is None or tls.istio_mode in ("PASSTHROUGH", "ISTIO_SIMPLE", "ISTIO_MUTUAL"):
        return ""
    why = "it has no certificate"
    for secret in tls.certificates:
        if not permits(state, gateway, "Secret", secret.namespace, secret.name):
            why = f"no ReferenceGrant in {secret.namespace} is for Gateways of {gateway.namespace}"
        elif state.get("", "Secret", secret.namespace, secret.name) is None:
            why = f"there is no Secret {secret.namespace}/{secret.name}"
        else:
            return ""
    return why


def kinds(listener: Listener) -> tuple[str, ...]:
    """Returns the kinds of routes that may attach to a listener."""
    served = _KINDS.get(listener.protocol, ())
    if listener.protocol == "TLS" and tls_mode(listener) != "PASSTHROUGH":
        served = (*served, "TCPRoute")
    if not listener.allowed.kinds:
        return served
    named = [(allowed.group, allowed.kind) for allowed in listener.allowed.kinds]
    return tuple(kind for kind in served if (gateway_api.GROUP, kind) in named)


def admits(state: State, listener: Listener, namespace: str) -> bool:
    """Returns whether routes of a namespace may attach to a listener."""
    allowed = listener.allowed.namespaces
    match allowed.source:
        case "All":
            return True
        case "Same":
            return namespace == listener.resource.namespace
    labels = namespace_labels(state.get("", "Namespace", "", namespace), namespace)
    return allowed.selector.selects(labels)


def _conflict(listener: Listener, earlier: Listener) -> bool:
    """Whether a listener can't be served beside an earlier one of its Gateway."""
    return listener.port == earlier.port and (
        "TCP" in (listener.protocol, earlier.protocol) or listener.hostname == earlier.hostname
    )


def serving(state: State, pod: Pod) -> list[tuple[Listener, int]]:
    """Returns the listeners that a pod behind Gateways' Services serves, with its ports, older ones first."""
    served = []
    for service, listeners in _by_namespace(state).get(pod.namespace, ()):
        selector = Service.kept(service).selector
        if selector and selects(selector, pod.labels):
            targets = {port.number: pod.port(port.target) for port in service_ports(service)}
            ports = ((listener, targets.get(listener.port)) for listener in listeners)
            served += [(listener, port) for listener, port in ports if port is not None]
    return served


@per_state
def _by_namespace(state: State) -> dict[str, list[tuple[Resource, list[Listener]]]]:
    """The Services of Gateways that Istio serves, with their listeners, by the namespace that both have."""
    return grouped(
        (gateway.namespace, (service, _programmed(gateway)))
        for gateway in state.all(gateway_api.GROUP, "Gateway")
        if implemented(state, gateway)
        for name in services(gateway)
        if (service := resolve(state, name, gateway.namespace)) and service.namespace == gateway.namespace
    )


def siblings(listener: Listener) -> list[str]:
    """Returns the host names of the other listeners of its Gateway with its port and protocol."""
    return [
        other.hostname
        for other in _programmed(listener.resource)
        if (other.port, other.protocol) == (listener.port, listener.protocol) and other is not listener
    ]


@per_object
def _programmed(gateway: Resource) -> list[Listener]:
    """The listeners that Istio knows how to serve, and that don't conflict with an earlier one."""
    served: list[Listener] = []
    for listener in KubernetesGateway.kept(gateway).listeners:
        served_tls = bool(tls_mode(listener)) == (listener.protocol in ("HTTPS", "TLS"))
        free = not any(_conflict(listener, earlier) for earlier in served)
        if listener.protocol in _KINDS and served_tls and free:
            served.append(listener)
    return served


Grant = tuple[str, str, str, str, str]


def permits(state: State, source: Resource, kind: str, namespace: str, name: str) -> bool:
    """Returns whether an object of the Gateway API may refer to a core object (a Service, a Secret)."""
    if namespace == source.namespace:
        return True
    wanted = (source.kind, source.namespace, kind, namespace)
    return not _grants(state).isdisjoint(((*wanted, name), (*wanted, "")))


@per_state
def _grants(state: State) -> frozenset[Grant]:
    """From kind, from namespace, to kind, to namespace, to name; an empty name stands for all."""
    return frozenset(
        (source.kind, source.namespace, target.kind, grant.resource.namespace, target.name)
        for grant in map(ReferenceGrant.of, revision.acting(state, GROUP, "ReferenceGrant"))
        for source in grant.sources
        for target in grant.targets
        if source.group == GROUP and not target.group
    )
