"""Listeners of the Gateway API: which routes they take, which a pod serves, which secrets they may use.

[istio/istio: pilot/pkg/config/kube/gateway/conversion.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.gateway_api.reference import ReferenceGrant
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.resources import per_object
from harness.model.istio import revision
from harness.model.istio.gateway.deployment import implemented, services
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
    return tuple(kind for kind in served if (GROUP, kind) in named)


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
        for gateway in state.all(GROUP, "Gateway")
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
