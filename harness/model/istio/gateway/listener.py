"""The listeners of Gateway API Gateways: which of them Istio serves, on which pods.

[istio/istio: pilot/pkg/config/kube/gateway/gateway_collection.go, conversion.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.kept import per_object
from harness.model.istio.gateway import deployment as gateway_deployment
from harness.model.istio.reference_grant import permits
from harness.model.network.dns import resolve
from harness.model.network.services import service_ports
from harness.model.state import namespace_labels
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from harness.api.gateway_api.gateway import Listener
    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
    "TCP": ("TCPRoute",),
}


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
    """Returns the listeners that a pod serves, each with the pod's port, those of older Gateways first.

    A listener is served on the target of its port in the Gateway's Service, if the pod is behind that.
    """
    found = []
    for service, listeners in _by_namespace(state).get(pod.namespace, ()):
        selector = Service.kept(service).selector
        if selector and selects(selector, pod.labels):
            targets = {port.number: pod.port(port.target) for port in service_ports(service)}
            ports = ((listener, targets.get(listener.port)) for listener in listeners)
            found += [(listener, port) for listener, port in ports if port is not None]
    return found


@per_state
def _by_namespace(state: State) -> dict[str, list[tuple[Resource, list[Listener]]]]:
    """The Services of Gateways that Istio serves, with their listeners, by namespace.

    A Service of another namespace than the Gateway's serves nothing.
    """
    return grouped(
        (gateway.namespace, (service, _programmed(gateway)))
        for gateway in state.all(gateway_api.GROUP, "Gateway")
        if gateway_deployment.implemented(state, gateway)
        for name in gateway_deployment.services(gateway)
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
        if listener.protocol in _KINDS and served_tls and not any(_conflict(listener, one) for one in served):
            served.append(listener)
    return served
