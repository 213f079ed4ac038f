"""Listeners of the Gateway API: which routes they take, which a pod serves, which secrets they may use.

[istio/istio: pilot/pkg/config/kube/gateway/conversion.go]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.gateway import KubernetesGateway, ListenerSet
from harness.api.gateway_api.reference import ReferenceGrant
from harness.api.kubernetes.secret import Secret
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.model.istio import revision
from harness.model.istio.gateway import listener_set
from harness.model.istio.gateway.deployment import implemented, services
from harness.model.network.dns import resolve
from harness.model.network.services import service_ports
from harness.model.state import namespace_labels
from harness.model.state.tables import grouped, per_key, per_state

if TYPE_CHECKING:
    from harness.api.gateway_api.gateway import CACertificates, Listener
    from harness.api.gateway_api.reference import ObjectRef, SecretRef
    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
    "TCP": ("TCPRoute",),
}


_MOST_CERTIFICATES = 2

Fault = tuple[str, str]
"""The reason that Istio reports for what it can't do, and why in words."""


def tls_mode(state: State, listener: Listener) -> str:
    """Returns Istio's mode of TLS for a listener, empty without TLS.

    Where clients must show certificates it is MUTUAL, unless an option of the listener says which.
    """
    if listener.tls is None:
        return ""
    mode = listener.tls.istio_mode
    asked = _asked_of_clients(state, listener)
    if asked is None or mode != "SIMPLE":
        return mode
    return "OPTIONAL_MUTUAL" if asked.mode == "AllowInsecureFallback" else "MUTUAL"


def _asked_of_clients(state: State, listener: Listener) -> CACertificates | None:
    """The certificates that a listener's clients must show, by its Gateway."""
    gateway = listener.resource
    if gateway.key[:2] == ListenerSet.KIND:
        gateway = listener_set.parent(state, ListenerSet.kept(gateway)) or gateway
    return KubernetesGateway.kept(gateway).tls.frontend.validation(listener.port)


def fault(state: State, listener: Listener) -> Fault | None:
    """Returns why a listener can't end TLS: none of its certificates is there, or may be referred to.

    Or one that it must know its clients' by.
    """
    tls = listener.tls
    if tls is None or tls.istio_mode in ("PASSTHROUGH", "ISTIO_SIMPLE", "ISTIO_MUTUAL"):
        return None
    if len(tls.certificates) > _MOST_CERTIFICATES:
        return "InvalidCertificateRef", "Istio takes two certificates at most"
    faults = [_faulty_secret(state, listener, secret) for secret in tls.certificates]
    if not faults:  # it may have options alone
        return "InvalidCertificateRef", "it has no certificate"
    if all(faults):
        return faults[0]
    asked = _asked_of_clients(state, listener)
    return _faulty_authority(state, listener, asked) if asked else None


def _faulty_secret(state: State, listener: Listener, secret: SecretRef) -> Fault | None:
    own = listener.resource
    if not permits(state, own, "Secret", secret.namespace, secret.name):
        return _ungranted(own, secret)
    if not secret.is_secret:
        return "InvalidCertificateRef", f"{secret.name} isn't a Secret"
    there = state.get("", "Secret", secret.namespace, secret.name)
    if there is None:
        return "InvalidCertificateRef", f"there is no Secret {secret.namespace}/{secret.name}"
    if unreadable := Secret.kept(there).unreadable:
        return "InvalidCertificateRef", f"of {there} {unreadable}"
    return None


def _faulty_authority(state: State, listener: Listener, asked: CACertificates) -> Fault | None:
    own, (first, *more) = listener.resource, asked.authorities
    if more:
        return "InvalidCACertificateRef", "Istio takes one caCertificateRef alone"
    if not permits(state, own, first.kind, first.namespace, first.name):
        return _ungranted(own, first)
    if (first.group, first.kind) not in (("", "ConfigMap"), ("", "Secret")):
        return "InvalidCACertificateKind", f"{first.name} is neither a Secret nor a ConfigMap"
    if state.get("", first.kind, first.namespace, first.name) is None:
        return "InvalidCACertificateRef", f"there is no {first.kind} {first.namespace}/{first.name}"
    return None


def _ungranted(own: Resource, to: ObjectRef) -> Fault:
    return "RefNotPermitted", f"no ReferenceGrant in {to.namespace} is for {own.kind}s of {own.namespace}"


def kinds(listener: Listener) -> tuple[str, ...]:
    """Returns the kinds of routes that may attach to a listener."""
    served = _KINDS.get(listener.protocol, ())
    if listener.protocol == "TLS" and listener.tls and listener.tls.mode != "Passthrough":
        served = (*served, "TCPRoute")
    if not listener.allowed.kinds:
        return served
    named = [(allowed.group, allowed.kind) for allowed in listener.allowed.kinds]
    return tuple(kind for kind in served if (GROUP, kind) in named)


def unknown_kinds(listener: Listener) -> bool:
    """Returns whether a listener is to take kinds of routes that its protocol doesn't go with."""
    return bool(listener.allowed.kinds) and len(kinds(listener)) != len(listener.allowed.kinds)


def is_known(listener: Listener) -> bool:
    """Returns whether Istio's gateways speak a listener's protocol."""
    return listener.protocol in _KINDS


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
        (gateway.namespace, (service, programmed(state, gateway)))
        for gateway in state.all(GROUP, "Gateway")
        if implemented(state, gateway)
        for name in services(gateway)
        if (service := resolve(state, name, gateway.namespace)) and service.namespace == gateway.namespace
    )


def siblings(state: State, listener: Listener) -> list[str]:
    """Returns the host names of the other listeners of its object with its port and protocol."""
    own = listener.resource
    gateway = listener_set.parent(state, ListenerSet.kept(own)) if own.key[:2] == ListenerSet.KIND else own
    return [
        other.hostname
        for other in (programmed(state, gateway) if gateway else ())
        if (other.resource, other.port, other.protocol) == (own, listener.port, listener.protocol)
        and other is not listener
    ]


@per_key(lambda gateway: gateway.key)
def offered(state: State, gateway: Resource) -> list[Listener]:
    """Returns the listeners that don't conflict with an earlier one, and say of TLS what they must."""
    every = listener_set.merged(state, gateway)
    reasons = listener_set.conflicts(every)
    return [
        listener
        for listener, conflict in zip(every, reasons, strict=True)
        if not conflict and (listener.tls is not None) == (listener.protocol in ("HTTPS", "TLS"))
    ]


def programmed(state: State, gateway: Resource) -> list[Listener]:
    """Returns those of them that Istio knows how to serve."""
    return list(filter(is_known, offered(state, gateway)))


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
