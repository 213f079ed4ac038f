"""Istio's Gateways, and the VirtualServices bound to them, as Gateways and routes of the Gateway API.

They stay with Istio's ingress gateway, whose pods Linkerd then meshes: class `istio`, at its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.estate import ports_of
from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route import routes
from harness.api.istio.gateway import IstioGateway
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import CLUSTER_DOMAIN, ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.translate.draft import Draft
    from harness.api.istio.gateway import Server, ServerTLSSettings
    from harness.base.resources import Resource
    from harness.model.network.services import ServicePort

GROUP = "networking.istio.io"
API = routes.GATEWAY_API
INGRESS = {"istio": "ingressgateway"}
CLASS = "istio"
_DEFAULT_PORTS = {8080: 80, 8443: 443}
"""The default installation's Service: ports by what they lead to."""
_PROTOCOLS = {
    "HTTP": "HTTP",
    "HTTP2": "HTTP",
    "GRPC": "HTTP",
    "GRPC-WEB": "HTTP",
    "TCP": "TCP",
    "MONGO": "TCP",
}

Fields = dict[str, Any]


@dataclass(frozen=True)
class TranslatedGateway:
    """A Gateway that was translated: what routes call it."""

    resource: Resource
    made: Resource

    def parent(self, namespace: str, port: int | None = None) -> Fields:
        """Returns the parentRef of a route in a namespace."""
        found: Fields = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": self.made.name}
        if namespace != self.made.namespace:
            found["namespace"] = self.made.namespace
        return found | ({"port": port} if port else {})


def translate(draft: Draft) -> dict[str, TranslatedGateway]:
    """Translates all Gateways; returns them by `namespace/name`."""
    return {
        f"{resource.namespace}/{resource.name}": _gateway(draft, resource)
        for resource in draft.estate.all(*IstioGateway.KIND)
    }


def parent_of(
    draft: Draft,
    resource: Resource,
    gateway: str,
    served: Mapping[str, TranslatedGateway],
    port: int | None = None,
) -> Fields:
    """Returns the parentRef of a VirtualService's route at a Gateway, by `namespace/name`, known or not."""
    if gateway in served:
        return served[gateway].parent(resource.namespace, port)
    draft.report(
        Severity.CHECK,
        "unknown-gateway",
        resource,
        "spec.gateways",
        f"the Gateway {gateway} isn't among the manifests",
        "give its manifest, too",
    )
    namespace, _, short = gateway.rpartition("/")
    found: Fields = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": short}
    found |= {"namespace": namespace} if namespace != resource.namespace else {}
    return found | ({"port": port} if port else {})


@dataclass(frozen=True)
class Front:
    """The Service before a gateway's pods, which may be known by name alone."""

    namespace: str
    name: str
    service: Resource | None = None


def _gateway(draft: Draft, resource: Resource) -> TranslatedGateway:
    reading = IstioGateway.of(resource)
    front = _front(draft, reading.selector)
    # Istio serves a Gateway at a Service of the Gateway's own namespace only.
    namespace = front.namespace if front else resource.namespace
    listeners: list[Fields] = []
    redirected: list[str] = []
    for server in reading.servers:
        for one in _listeners(draft, server, front, namespace):
            name, number = one["name"], 1
            while any(other["name"] == one["name"] for other in listeners):
                number += 1
                one["name"] = f"{name}-{number}"
            listeners.append(one)
            if server.tls.https_redirect:
                redirected.append(one["name"])
    draft.finish(reading)
    spec: Fields = {"gatewayClassName": CLASS}
    place = "with pods of its own"
    if front:
        address = f"{front.name}.{front.namespace}.svc.{CLUSTER_DOMAIN}"
        spec["addresses"] = [{"type": "Hostname", "value": address}]
        place = f"at the Service {front.namespace}/{front.name}, in its namespace"
    draft.report(
        Severity.CHECK,
        "gateway-class",
        resource,
        "spec.selector",
        f"a Gateway names a class, not pods: it is {CLASS}'s, {place}",
        "keep Istio's gateway, or name your ingress controller's class and take the address away",
    )
    spec["listeners"] = listeners
    served = TranslatedGateway(
        resource, draft.add(API, "Gateway", namespace, resource.name, spec, (resource,))
    )
    if redirected:
        parents = [{**served.parent(resource.namespace), "sectionName": one} for one in redirected]
        to_tls = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
        rule = {"parentRefs": parents, "rules": [{"filters": [to_tls]}]}
        draft.add(API, "HTTPRoute", resource.namespace, f"{resource.name}-to-https", rule, (resource,))
    return served


def _front(draft: Draft, selector: Mapping[str, str]) -> Front | None:
    """The Service before the pods that a Gateway selects; the default installation's needn't be known."""
    for service in draft.estate.services.values():
        chosen = Service.kept(service).selector
        if selector and chosen and selects(selector, chosen):
            return Front(service.namespace, service.name, service)
    return Front(ROOT_NAMESPACE, "istio-ingressgateway") if selector == INGRESS else None


def _listeners(draft: Draft, server: Server, front: Front | None, gateway_namespace: str) -> list[Fields]:
    service = front.service if front else None
    port = server.required("port").port.required("number")
    number = port.number or 0
    names = (server.name, port.name)
    name = next((name for name in names if name), f"port-{number}").lower()
    tls = _tls(draft, server.tls, server.protocol)
    if tls is None:
        draft.report(
            Severity.LOST,
            "gateway-tls",
            server.resource,
            server.tls.path,
            "no listener can do this kind of TLS; the server is left out",
            "use TLS that ends at the gateway, or passes it",
        )
        server.leave()
        return []
    kind = {"Terminate": "HTTPS", "Passthrough": "TLS"}.get(
        tls.get("mode", ""), _PROTOCOLS.get(server.protocol, "TCP")
    )
    found = []
    for allowed, host_name in server.open_to or (("*", "*"),):
        listener: Fields = {"name": name, "port": _port(number, service), "protocol": kind}
        if host_name != "*" and kind != "TCP":
            listener["hostname"] = host_name
        if tls:
            listener["tls"] = tls
        listener["allowedRoutes"] = {"namespaces": _from(allowed, gateway_namespace)}
        found.append(listener)
    if front and service is None and number in _DEFAULT_PORTS:
        draft.report(
            Severity.CHECK,
            "gateway-port",
            server.resource,
            port.at("number"),
            f"the gateway's Service isn't among the manifests: {number} is taken for the target of its "
            f"port {_DEFAULT_PORTS[number]}",
            "give the Service's manifest, too",
        )
    return found


def _from(namespace: str, own: str) -> Fields:
    if namespace == "*":
        return {"from": "All"}
    if namespace == own:
        return {"from": "Same"}
    return {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _port(number: int, service: Resource | None) -> int:
    """The Service's port of a server: its own number, else the one that leads to it."""
    if service is None:
        return _DEFAULT_PORTS.get(number, number)
    ports: Sequence[ServicePort] = ports_of(service)
    if any(port.number == number for port in ports):
        return number
    return next((port.number for port in ports if port.target == number), number)


def _tls(draft: Draft, tls: ServerTLSSettings, protocol: str) -> Fields | None:
    """A listener's TLS: {} for none, None for a kind that it can't say."""
    if tls.has("httpsRedirect") and not tls.has("mode") and not tls.has("credentialName"):
        return {}
    mode = tls.mode or ("SIMPLE" if protocol == "HTTPS" else "")
    if protocol == "TLS" and not mode:
        mode = "PASSTHROUGH"
    if not mode:
        return {}
    if mode == "PASSTHROUGH":
        return {"mode": "Passthrough"}
    if mode not in ("SIMPLE", "MUTUAL"):
        return None
    secret = tls.credential_name
    if mode == "MUTUAL":
        draft.report(
            Severity.LOST,
            "gateway-tls",
            tls.resource,
            tls.at("mode"),
            "the standard channel's listeners ask clients for no certificate",
            "set frontendValidation where your Gateway API has it",
        )
    if not secret:
        draft.report(
            Severity.LOST,
            "gateway-tls",
            tls.resource,
            tls.path,
            "a listener takes its certificate from a Secret, not from files",
            "put the certificate into a Secret, and name it in the listener",
        )
        return {"mode": "Terminate"}
    return {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": secret}]}
